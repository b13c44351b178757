;; Reads its input into a buffer that a list at the end of its memory names, and then into those of a list that goes on
;; behind it.
;; must: fails "WR0103" "`fd_read` was given 16 bytes at 0xfff8" "memory of 65536 bytes"
;; without pointer-range: panics
(module
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0xfff8) "\40\00\00\00" "\10\00\00\00")
  (func (export "_start")
    ;; The input is empty.
    (if (call $fd_read (i32.const 0) (i32.const 0xfff8) (i32.const 1) (i32.const 0)) (then (return)))
    (if (i32.load (i32.const 0)) (then (return)))
    (drop (call $fd_read (i32.const 0) (i32.const 0xfff8) (i32.const 2) (i32.const 0)))))
