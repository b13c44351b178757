;; A recursion without end, and without any host call.
;; must: fails "WR0103" "stack overflowed"
;; without host-stack: dies
(module
  (memory (export "memory") 1)
  (func $down (param $n i64) (result i64)
    (i64.add (call $down (i64.add (local.get $n) (i64.const 1))) (local.get $n)))
  (func (export "_start") (drop (call $down (i64.const 0)))))
