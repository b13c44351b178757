;; Recurses with `put` in each frame, of a value that is too large to lie in the object itself.
;; must: fails "WR0103" "stack overflowed"
;; without host-stack: dies
(module
  (import "wrun" "put" (func $put (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "release" (func $release (param i32 i32) (result i32)))
  (memory (export "memory") 2)
  (func $down (param $n i64) (result i64)
    (i32.store (i32.const 0)
      (call $put (i32.const 16) (i32.const 100000) (i32.const 0) (i32.const 0)))
    (drop (call $release (i32.const 0) (i32.const 1)))
    (i64.add (call $down (i64.add (local.get $n) (i64.const 1))) (local.get $n)))
  (func (export "_start") (drop (call $down (i64.const 0)))))
