;; A detached actor makes the next one, uses some time and dies, and so on: each has a job's time of its own.
;; limits: cpu_seconds_per_job=1
;; timeout-ms: 3000
;; must: finishes
;; without processor-time: lingers
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\01" "\00\00\00\00" "\04\00Heir" "\03\00" "\07\01\01" "\00\00")
  (func (export "new") (local $n i32)
    (loop $more
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $n) (i32.const 10000000))))
    (drop (call $spawn (i32.const 0) (i32.const 18) (i32.const 64) (i32.const 1)))
    (unreachable))
  (func (export "run")
    (drop (call $spawn (i32.const 0) (i32.const 18) (i32.const 64) (i32.const 1))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"constructor\",\"name\":\"Heir\",\"export\":\"new\"}\n"))
