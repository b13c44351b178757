;; Asks for one random byte at a time, for ever.
;; timeout-ms: 500
;; must: fails "WR0106" "took longer"
;; without wall-time: runs-on
(module
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (loop $more
      (br_if $more (i32.eqz (call $random_get (i32.const 0) (i32.const 1)))))))
