;; A task that says that it has two results and writes one: who waits for the other is told.
;; must: exits 13
;; without all-results: runs-on
(module
  (import "wrun" "result_write" (func $result_write (param i32 i32 i32 i32 i32) (result i32)))
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00" "\00\00\00\00" "\04\00half" "\00\00" "\00\00")
  (func (export "half")
    (drop (call $result_write (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0))))
  (func (export "run")
    (if (i32.ne (call $spawn (i32.const 0) (i32.const 15) (i32.const 32) (i32.const 2)) (i32.const 2))
      (then (unreachable)))
    (call $proc_exit (i32.sub (i32.const 10) (call $get (i32.const 36) (i32.const 1) (i64.const -1)))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"half\",\"export\":\"half\",\"num_returns\":2}\n"))
