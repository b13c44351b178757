;; Prints with more buffers than there may be at once, and then with a list that is nowhere in its memory: 8 bytes for
;; each of them wrap around to the beginning.
;; must: fails "WR0103" "`fd_write` was given 512 bytes at 0xffffff00" "memory of 65536 bytes"
;; without pointer-range: panics
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    ;; 2^29 of them would have 2^32 bytes, which is 0 in 32 bits: 28 is EINVAL.
    (if (i32.ne (call $fd_write (i32.const 1) (i32.const 0) (i32.const 0x20000000) (i32.const 0)) (i32.const 28))
      (then (return)))
    (drop (call $fd_write (i32.const 2) (i32.const 0xffffff00) (i32.const 64) (i32.const 0)))))
