;; Lets random bytes be written to the end of its memory, and then from just below 2^32 on, so that the end wraps around.
;; must: fails "WR0103" "`random_get` was given 16 bytes at 0xfffffff8" "memory of 65536 bytes"
;; without pointer-range: panics
(module
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (if (call $random_get (i32.const 0xfff0) (i32.const 16)) (then (return)))
    ;; The chance that all of them are zero is small.
    (if (i64.eqz (i64.or (i64.load (i32.const 0xfff0)) (i64.load (i32.const 0xfff8))))
      (then (return)))
    (drop (call $random_get (i32.const -8) (i32.const 16)))))
