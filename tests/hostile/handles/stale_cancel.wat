;; Cancels a task by the number of another one that it gave back.
;; must: exits 10
;; without handle-generation: exits 13
(module
  (import "wrun" "release" (func $release (param i32 i32) (result i32)))
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "cancel" (func $cancel (param i32 i32) (result i32)))
  (import "wrun" "sleep" (func $sleep (param i64)))
  (import "wrun" "result_write" (func $result_write (param i32 i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00" "\00\00\00\00" "\03\00nap" "\00\00" "\00\00")
  (func (export "nap")
    (call $sleep (i64.const 100000000))
    (drop (call $result_write (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 0) (i32.const 0))))
  (func (export "run")
    (drop (call $spawn (i32.const 0) (i32.const 14) (i32.const 32) (i32.const 1)))
    (drop (call $release (i32.const 32) (i32.const 1)))
    (drop (call $spawn (i32.const 0) (i32.const 14) (i32.const 36) (i32.const 1)))
    (drop (call $cancel (i32.load (i32.const 32)) (i32.const 0)))
    ;; 10: it has slept. 13: it was cancelled.
    (call $proc_exit (i32.sub (i32.const 10) (call $get (i32.const 36) (i32.const 1) (i64.const -1)))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"nap\",\"export\":\"nap\"}\n"))
