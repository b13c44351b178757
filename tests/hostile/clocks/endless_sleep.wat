;; Sleeps for as many nanoseconds as there are, some 584 years, in a loop.
;; timeout-ms: 500
;; must: fails "WR0106" "took longer"
;; without wall-time: runs-on
(module
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    ;; One subscription at 0: the monotonic clock, a relative time.
    (i32.store (i32.const 16) (i32.const 1))
    (i64.store (i32.const 24) (i64.const -1))
    (loop $more
      (drop (call $poll_oneoff (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))
      (br $more))))
