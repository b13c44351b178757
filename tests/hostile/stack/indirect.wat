;; A recursion through a table, which nobody can see in the code.
;; must: fails "WR0103" "stack overflowed"
;; without host-stack: dies
(module
  (type $f (func (param i64) (result i64)))
  (memory (export "memory") 1)
  (table funcref (elem $one $two $three))
  (func $next (param $n i64) (result i64)
    (i64.xor (local.get $n)
      (call_indirect (type $f)
        (i64.add (local.get $n) (i64.const 1))
        (i32.wrap_i64 (i64.rem_u (local.get $n) (i64.const 3))))))
  (func $one (type $f) (i64.add (call $next (local.get 0)) (i64.const 1)))
  (func $two (type $f) (i64.mul (call $next (local.get 0)) (i64.const 3)))
  (func $three (type $f) (i64.sub (call $next (local.get 0)) (i64.const 5)))
  (func (export "_start") (drop (call $next (i64.const 0)))))
