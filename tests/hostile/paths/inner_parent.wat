;; Opens a file by a path that goes down first, through an own directory, and then up by more steps than it went down.
;; tenant: files
;; must: exits 63
;; without none: natively sub/../../../outside/secret
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "sub/../../../outside/secret")
  (func (export "_start")
    ;; The answer is its exit code: 0 if the file is open, 63 for EPERM.
    (call $proc_exit (call $path_open (i32.const 3) (i32.const 1) (i32.const 64) (i32.const 27)
      (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 32)))))
