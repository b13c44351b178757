;; Makes a directory in one that was granted for reading.
;; tenant: files
;; must: exits 63
;; without read-only: spoils
(module
  (import "wasi_snapshot_preview1" "path_create_directory"
    (func $path_create_directory (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "more/")
  (func (export "_start")
    (call $proc_exit (call $path_create_directory (i32.const 4) (i32.const 64) (i32.const 5)))))
