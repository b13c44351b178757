;; Waits for a time that is far away by looking at the clock.
;; timeout-ms: 500
;; must: fails "WR0106" "took longer"
;; without wall-time: runs-on
(module
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (loop $more
      (drop (call $clock_time_get (i32.const 1) (i64.const 1) (i32.const 0)))
      (br_if $more (i64.ne (i64.load (i32.const 0)) (i64.const -1))))))
