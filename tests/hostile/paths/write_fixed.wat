;; Opens a file that was granted for reading to write at its end, and writes there.
;; tenant: files
;; must: exits 63
;; without read-only: spoils
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\40\00\00\00" "\04\00\00\00")
  (data (i32.const 64) "file")
  (func (export "_start")
    (local $errno i32)
    (local.set $errno (call $path_open (i32.const 4) (i32.const 0) (i32.const 64) (i32.const 4)
      (i32.const 0) (i64.const 0x42) (i64.const 0) (i32.const 1) (i32.const 32)))
    (if (local.get $errno) (then (call $proc_exit (local.get $errno))))
    (call $proc_exit (call $fd_write (i32.load (i32.const 32)) (i32.const 0) (i32.const 1) (i32.const 16)))))
