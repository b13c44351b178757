;; Sleeps, and lets the event be written to the end of a memory that a 32-bit pointer reaches and the guest does not have.
;; must: fails "WR0103" "`poll_oneoff` was given 32 bytes at 0xffffffe0" "memory of 65536 bytes"
;; without pointer-range: panics
(module
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; A subscription: 1 ms of the monotonic clock, from now on.
  (data (i32.const 16) "\01\00\00\00")
  (data (i32.const 24) "\40\42\0f\00")
  (func (export "_start")
    (drop (call $poll_oneoff (i32.const 0) (i32.const -32) (i32.const 1) (i32.const 64)))))
