;; Sleeps by a subscription at the end of its memory, and by one that goes on behind it.
;; must: fails "WR0103" "`poll_oneoff` was given 48 bytes at 0xffe0" "memory of 65536 bytes"
;; without pointer-range: panics
(module
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; A millisecond of the monotonic clock, from now on.
  (data (i32.const 0xffe0) "\01\00\00\00")
  (data (i32.const 0xffe8) "\40\42\0f\00")
  (func (export "_start")
    (if (call $poll_oneoff (i32.const 0xffd0) (i32.const 0) (i32.const 1) (i32.const 64)) (then (return)))
    (drop (call $poll_oneoff (i32.const 0xffe0) (i32.const 0) (i32.const 1) (i32.const 64)))))
