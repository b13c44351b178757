;; Cancels a task that never calls the host, and waits for its end.
;; timeout-ms: 20000
;; must: exits 13
;; without interrupts: runs-on
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "cancel" (func $cancel (param i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wrun" "sleep" (func $sleep (param i64)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00" "\00\00\00\00" "\04\00spin" "\00\00" "\00\00")
  (func (export "spin") (loop $again (br $again)))
  (func (export "run")
    (drop (call $spawn (i32.const 0) (i32.const 15) (i32.const 64) (i32.const 1)))
    (call $sleep (i64.const 50000000))
    (drop (call $cancel (i32.load (i32.const 64)) (i32.const 0)))
    ;; 13: it failed, of having been cancelled.
    (call $proc_exit (i32.sub (i32.const 10) (call $get (i32.const 64) (i32.const 1) (i64.const -1)))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"spin\",\"export\":\"spin\"}\n"))
