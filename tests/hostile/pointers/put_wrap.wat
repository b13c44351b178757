;; Stores 32 bytes that begin 16 below 2^32: their end wraps around to the memory's beginning.
;; must: fails "WR0103" "`put` was given 32 bytes at 0xfffffff0" "outside of the guest's memory"
;; without pointer-range: panics
(module
  (import "wrun" "put" (func $put (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00a")
  (func (export "_start")
    ;; What is inside is taken.
    (if (i32.lt_s (call $put (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 0)) (i32.const 1))
      (then (return)))
    (drop (call $put (i32.const -16) (i32.const 32) (i32.const 0) (i32.const 0)))))
