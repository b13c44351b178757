;; Starts a task and cancels it at once, for ever.
;; limits: cpu_seconds_per_job=1 queued_tasks=100
;; must: fails "WR0110" "processor time"
;; without processor-time: runs-on
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "cancel" (func $cancel (param i32 i32) (result i32)))
  (import "wrun" "release" (func $release (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00" "\00\00\00\00" "\04\00idle" "\00\00" "\00\00")
  (func (export "idle"))
  (func (export "run")
    (loop $more
      (drop (call $spawn (i32.const 0) (i32.const 15) (i32.const 64) (i32.const 1)))
      (drop (call $cancel (i32.load (i32.const 64)) (i32.const 0)))
      (drop (call $release (i32.const 64) (i32.const 1)))
      (br $more)))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"idle\",\"export\":\"idle\"}\n"))
