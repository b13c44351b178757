;; Waits for 256,000 results of 1,000 calls that never end, again and again for a nanosecond, so that each is looked at
;; each time.
;; limits: cpu_seconds_per_job=1
;; must: fails "WR0110" "processor time"
;; without processor-time: runs-on
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "wait" (func $wait (param i32 i32 i32 i32 i64 i32) (result i32)))
  (import "wrun" "sleep" (func $sleep (param i64)))
  (memory (export "memory") 24)
  (data (i32.const 0) "\00" "\00\00\00\00" "\03\00nap" "\00\00" "\00\00")
  (func (export "nap") (call $sleep (i64.const -1)) (call $sleep (i64.const 0x7fffffffffffffff)))
  (func (export "run") (local $i i32)
    (loop $more
      (drop (call $spawn (i32.const 0) (i32.const 14)
        (i32.add (i32.const 64) (i32.shl (local.get $i) (i32.const 10))) (i32.const 256)))
      (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000))))
    (loop $again
      (drop (call $wait (i32.const 64) (i32.const 256000) (i32.const 256000) (i32.const 256000)
        (i64.const 1) (i32.const 0x100000)))
      (br $again)))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"nap\",\"export\":\"nap\",\"num_returns\":256}\n"))
