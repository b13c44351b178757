;; A recursion without end in its start function, before anything is called.
;; must: fails "WR0103" "stack overflowed"
;; without host-stack: dies
(module
  (memory (export "memory") 1)
  (func $down (param $n i64) (result i64)
    (i64.add (call $down (i64.add (local.get $n) (i64.const 1))) (local.get $n)))
  (func $begin (drop (call $down (i64.const 0))))
  (start $begin)
  (func (export "_start")))
