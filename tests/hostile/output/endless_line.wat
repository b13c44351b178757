;; Prints a single line that never ends, 60 KiB at a time.
;; limits: log_bytes=65536
;; timeout-ms: 1500
;; must: fails "WR0106" "took longer"
;; without line-pieces: grows 50
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; A vector: 61,440 bytes at 4,096.
  (data (i32.const 0) "\00\10\00\00\00\f0\00\00")
  (func (export "_start")
    (memory.fill (i32.const 4096) (i32.const 46) (i32.const 61440))
    (loop $more
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
      (br $more))))
