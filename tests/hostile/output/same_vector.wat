;; Prints a line of 60 KiB a thousand times with each call, by naming it in a thousand vectors.
;; limits: log_bytes=65536
;; timeout-ms: 500
;; must: fails "WR0106" "took longer"
;; without log-tail: holds log_bytes 2000000
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 2)
  (data (i32.const 0)
  ;;* 1000 "\00\40\00\00\00\f0\00\00"
  )
  (func (export "_start")
    (memory.fill (i32.const 16384) (i32.const 46) (i32.const 61439))
    (i32.store8 (i32.const 77823) (i32.const 10))
    (loop $more
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1000) (i32.const 8192)))
      (br $more))))
