;; Waits without a limit for a task that sleeps for 292 years.
;; timeout-ms: 500
;; must: fails "WR0106" "500ms"
;; without wall-time: runs-on
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wrun" "sleep" (func $sleep (param i64)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00" "\00\00\00\00" "\03\00nap" "\00\00" "\00\00")
  (func (export "nap") (call $sleep (i64.const 0x7fffffffffffffff)))
  (func (export "run")
    (drop (call $spawn (i32.const 0) (i32.const 14) (i32.const 32) (i32.const 1)))
    (drop (call $get (i32.const 32) (i32.const 1) (i64.const -1))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"nap\",\"export\":\"nap\"}\n"))
