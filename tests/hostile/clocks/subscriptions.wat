;; Waits for half a million times at once, each of which the host would keep.
;; timeout-ms: 3000
;; must: exits 48
;; without transfer-size,open-files: grows 70
(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 650)
  (func (export "_start") (local $at i32) (local $i i32)
    ;; Each of the monotonic clock, in a year and some.
    (loop $more
      (i64.store (local.get $at) (i64.extend_i32_u (local.get $i)))
      (i32.store offset=16 (local.get $at) (i32.const 1))
      (i64.store offset=24 (local.get $at) (i64.add (i64.const 31536000000000000) (i64.extend_i32_u (local.get $i))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (local.set $at (i32.add (local.get $at) (i32.const 48)))
      (br_if $more (i32.lt_u (local.get $i) (i32.const 480000))))
    (call $proc_exit (call $poll_oneoff (i32.const 0) (i32.const 24000000) (i32.const 480000) (i32.const 16)))))
