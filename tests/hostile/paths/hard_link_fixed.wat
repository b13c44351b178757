;; Makes a hard link to a file that was granted for reading in a directory of its own, and writes to it there.
;; tenant: files
;; must: exits 63
;; without read-only: spoils
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_link"
    (func $path_link (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "file")
  (data (i32.const 80) "alias")
  (func (export "_start")
    (local $errno i32)
    (local.set $errno (call $path_link (i32.const 4) (i32.const 0) (i32.const 64) (i32.const 4)
      (i32.const 3) (i32.const 80) (i32.const 5)))
    (if (local.get $errno) (then (call $proc_exit (local.get $errno))))
    ;; Truncated under its other name.
    (call $proc_exit (call $path_open (i32.const 3) (i32.const 0) (i32.const 80) (i32.const 5)
      (i32.const 8) (i64.const 0x42) (i64.const 0) (i32.const 0) (i32.const 32)))))
