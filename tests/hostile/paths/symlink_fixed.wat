;; Makes a link in a directory that was granted for reading.
;; tenant: files
;; must: exits 63
;; without read-only: spoils
(module
  (import "wasi_snapshot_preview1" "path_symlink"
    (func $path_symlink (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "file")
  (data (i32.const 80) "also")
  (func (export "_start")
    (call $proc_exit (call $path_symlink (i32.const 64) (i32.const 4) (i32.const 4) (i32.const 80) (i32.const 4)))))
