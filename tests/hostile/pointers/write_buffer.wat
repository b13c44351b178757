;; Prints what the host has behind the guest's memory, in a vector of which the first buffer is good.
;; must: fails "WR0103" "`fd_write` was given 4096 bytes at 0x10000" "memory of 65536 bytes"
;; without pointer-range: panics
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; Two buffers: 3 bytes at 64, and 4096 at the memory's end.
  (data (i32.const 0) "\40\00\00\00" "\03\00\00\00" "\00\00\01\00" "\00\10\00\00")
  (data (i32.const 64) "hi\0a")
  (func (export "_start")
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 2) (i32.const 32)))))
