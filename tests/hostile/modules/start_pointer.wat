;; Calls the host in its start function, before anybody has looked at its memory, with a pointer behind that.
;; must: fails "WR0103" "`fd_write` was given 16 bytes at 0xfff8" "memory of 65536 bytes"
;; without pointer-range: panics
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func $first
    (drop (call $fd_write (i32.const 1) (i32.const 0xfff8) (i32.const 2) (i32.const 0))))
  (start $first)
  (func (export "_start")))
