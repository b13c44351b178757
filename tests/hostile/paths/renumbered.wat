;; Moves the descriptor of one granted directory to the number of the other, and goes up from there.
;; tenant: files
;; must: exits 63
;; without none: natively ../../outside/secret
(module
  (import "wasi_snapshot_preview1" "fd_renumber" (func $fd_renumber (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "../../outside/secret")
  (func (export "_start")
    (drop (call $fd_renumber (i32.const 3) (i32.const 4)))
    (drop (call $fd_renumber (i32.const 4) (i32.const 0)))
    (call $proc_exit (call $path_open (i32.const 0) (i32.const 1) (i32.const 64) (i32.const 20)
      (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 32)))))
