;; Waits for a task that always traps, and is to be tried again without end.
;; limits: cpu_seconds_per_job=1
;; must: fails "WR0110" "processor time"
;; without processor-time: runs-on
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (memory (export "memory") 1)
  ;; The options 1 and 2: tried again for ever, whatever it ends with.
  (data (i32.const 0) "\00" "\00\00\00\00" "\05\00again"
    "\09\00" "\01\04\ff\ff\ff\ff" "\02\01\01" "\00\00")
  (func (export "again") (unreachable))
  (func (export "run")
    (drop (call $spawn (i32.const 0) (i32.const 25) (i32.const 64) (i32.const 1)))
    (drop (call $get (i32.const 64) (i32.const 1) (i64.const -1))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"again\",\"export\":\"again\"}\n"))
