;; Recurses with `fail` in each frame, which walks the guest's own deep stack for the backtrace of a panic.
;; must: fails "stack"
;; without host-stack: dies
(module
  (import "wrun" "fail" (func $fail (param i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "no stack")
  (func $down (param $n i64) (result i64)
    (call $fail (i32.const 1) (i32.const 16) (i32.const 8))
    (i64.add (call $down (i64.add (local.get $n) (i64.const 1))) (local.get $n)))
  (func (export "_start") (drop (call $down (i64.const 0)))))
