;; Two functions that call each other without end.
;; must: fails "WR0103" "stack overflowed"
;; without host-stack: dies
(module
  (memory (export "memory") 1)
  (func $even (param $n i64) (result i64)
    (i64.add (call $odd (i64.add (local.get $n) (i64.const 1))) (local.get $n)))
  (func $odd (param $n i64) (result i64)
    (i64.mul (call $even (i64.sub (local.get $n) (i64.const 3))) (local.get $n)))
  (func (export "_start") (drop (call $even (i64.const 0)))))
