;; Renames a file of its own into a directory that was granted for reading.
;; tenant: files
;; must: exits 63
;; without read-only: spoils
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_rename"
    (func $path_rename (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "mine")
  (func (export "_start")
    (if (call $path_open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 4)
        (i32.const 1) (i64.const 0x40) (i64.const 0) (i32.const 0) (i32.const 32))
      (then (unreachable)))
    (call $proc_exit (call $path_rename (i32.const 3) (i32.const 64) (i32.const 4)
      (i32.const 4) (i32.const 64) (i32.const 4)))))
