;; Prints nothing but empty lines, 60,000 at a time: each takes more in the host than in the guest.
;; limits: log_bytes=65536
;; timeout-ms: 500
;; must: fails "WR0106" "took longer"
;; without log-tail: holds log_bytes 2000000
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00\10\00\00\00\f0\00\00")
  (func (export "_start")
    (memory.fill (i32.const 4096) (i32.const 10) (i32.const 61440))
    (loop $more
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
      (br $more))))
