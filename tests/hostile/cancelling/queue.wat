;; Spawns tasks without waiting for them, each of which it cancels only much later, until 50,000 are queued.
;; limits: queued_tasks=1000 cpu_seconds_per_job=2
;; must: fails "WR0110"
;; without queued-calls: holds queued_tasks 5000
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "cancel" (func $cancel (param i32 i32) (result i32)))
  (import "wrun" "sleep" (func $sleep (param i64)))
  (memory (export "memory") 8)
  (data (i32.const 0) "\00" "\00\00\00\00" "\04\00spin" "\00\00" "\00\00")
  (func (export "spin") (loop $again (br $again)))
  (func (export "run") (local $at i32)
    (local.set $at (i32.const 64))
    (loop $more
      (drop (call $spawn (i32.const 0) (i32.const 15) (local.get $at) (i32.const 1)))
      (br_if $more (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4))) (i32.const 200064))))
    (call $sleep (i64.const 200000000))
    (loop $less
      (drop (call $cancel (i32.load (local.tee $at (i32.sub (local.get $at) (i32.const 4)))) (i32.const 0)))
      (br_if $less (i32.gt_u (local.get $at) (i32.const 64)))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"spin\",\"export\":\"spin\"}\n"))
