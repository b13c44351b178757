;; A task whose result refers to an object by the number of another one that is gone: its caller would get that one.
;; must: exits 11
;; without handle-generation: exits 10
(module
  (import "wrun" "put" (func $put (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "release" (func $release (param i32 i32) (result i32)))
  (import "wrun" "result_write" (func $result_write (param i32 i32 i32 i32 i32) (result i32)))
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00a")
  (data (i32.const 32) "\00" "\00\00\00\00" "\04\00leak" "\00\00" "\00\00")
  (func (export "leak") (local $status i32)
    (i32.store (i32.const 16) (call $put (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 0)))
    (drop (call $release (i32.const 16) (i32.const 1)))
    (drop (call $put (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 0)))
    (local.set $status (call $result_write (i32.const 0) (i32.const 0) (i32.const 2) (i32.const 16) (i32.const 1)))
    (if (local.get $status)
      (then (call $proc_exit (i32.sub (i32.const 10) (local.get $status))))))
  (func (export "run")
    (drop (call $spawn (i32.const 32) (i32.const 15) (i32.const 64) (i32.const 1)))
    ;; 10 if the result is there, 11 if the task was not let have it.
    (call $proc_exit (select (i32.const 10) (i32.const 11)
      (i32.eqz (call $get (i32.const 64) (i32.const 1) (i64.const -1))))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"leak\",\"export\":\"leak\"}\n"))
