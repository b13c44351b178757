;; Opens the directory that was granted for reading once more through itself, asks for all rights, and makes a file there.
;; tenant: files
;; must: exits 63
;; without read-only: spoils
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) ".")
  (data (i32.const 80) "made")
  (func (export "_start")
    (local $errno i32)
    (if (call $path_open (i32.const 4) (i32.const 0) (i32.const 64) (i32.const 1)
        (i32.const 2) (i64.const 0x1ffffffd) (i64.const 0x1fffffff) (i32.const 0) (i32.const 32))
      (then ;; Not with all, but with those for reading.
        (local.set $errno (call $path_open (i32.const 4) (i32.const 0) (i32.const 64) (i32.const 1)
          (i32.const 2) (i64.const 0x4000) (i64.const 0x1fffffff) (i32.const 0) (i32.const 32)))
        (if (local.get $errno) (then (unreachable)))))
    (call $proc_exit (call $path_open (i32.load (i32.const 32)) (i32.const 0) (i32.const 80) (i32.const 4)
      (i32.const 1) (i64.const 0x40) (i64.const 0) (i32.const 0) (i32.const 32)))))
