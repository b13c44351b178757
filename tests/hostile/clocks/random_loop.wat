;; Asks for as many random bytes as it may get at once, again and again.
;; limits: cpu_seconds_per_job=1
;; must: fails "WR0110" "processor time"
;; without processor-time: runs-on
(module
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (memory (export "memory") 17)
  (func (export "_start")
    (loop $more
      (br_if $more (i32.eqz (call $random_get (i32.const 0) (i32.const 0x100000)))))))
