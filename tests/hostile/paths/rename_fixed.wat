;; Renames a file out of a directory that was granted for reading, into one of its own.
;; tenant: files
;; must: exits 63
;; without read-only: spoils
(module
  (import "wasi_snapshot_preview1" "path_rename"
    (func $path_rename (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "file")
  (func (export "_start")
    ;; Within the directory it is the same.
    (if (i32.eqz (call $path_rename (i32.const 4) (i32.const 64) (i32.const 4) (i32.const 4) (i32.const 64) (i32.const 3)))
      (then (call $proc_exit (i32.const 0))))
    (call $proc_exit (call $path_rename (i32.const 4) (i32.const 64) (i32.const 4)
      (i32.const 3) (i32.const 64) (i32.const 4)))))
