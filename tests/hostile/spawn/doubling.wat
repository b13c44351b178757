;; Each task starts two more, and waits for nothing: as many as there are, there will be twice as many.
;; limits: queued_tasks=1000
;; timeout-ms: 1500
;; must: fails "WR0106" "took longer"
;; without queued-calls: holds queued_tasks 5000
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "sleep" (func $sleep (param i64)))
  (memory (export "memory") 1)
  (data (i32.const 0)
  ;;* 2 "\00" "\00\00\00\00" "\04\00fork" "\00\00" "\00\00"
  )
  (func $fork (export "fork")
    (drop (call $spawn (i32.const 0) (i32.const 30) (i32.const 128) (i32.const 2))))
  (func (export "run")
    (call $fork)
    (call $sleep (i64.const 3600000000000)))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"fork\",\"export\":\"fork\"}\n"))
