;; Writes 2 MiB of what lies behind its memory to a file at an offset: so much that the host takes it in pieces.
;; tenant: files
;; must: fails "WR0103" "`fd_pwrite` was given 2097152 bytes at 0x8000" "memory of 65536 bytes"
;; without pointer-range: panics
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_pwrite"
    (func $fd_pwrite (param i32 i32 i32 i64 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00\80\00\00" "\00\00\20\00")
  (data (i32.const 64) "taken")
  (func (export "_start")
    ;; A file of its own, made for writing.
    (if (call $path_open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 5)
        (i32.const 1) (i64.const 0x44) (i64.const 0) (i32.const 0) (i32.const 32))
      (then (return)))
    (drop (call $fd_pwrite (i32.load (i32.const 32)) (i32.const 0) (i32.const 1)
      (i64.const 0) (i32.const 16)))))
