;; A recursion whose frames are large: 100 locals each, all still needed after the call.
;; must: fails "WR0103" "stack overflowed"
;; without host-stack: dies
(module
  (memory (export "memory") 1)
  (func $down (param $n i64) (result i64)
    (local $sum i64)
    ;;* 100 (local $l{} i64)
    ;;* 100 (local.set $l{} (i64.load (i32.add (i32.wrap_i64 (local.get $n)) (i32.const {}))))
    (local.set $sum (call $down (i64.and (i64.add (local.get $n) (i64.const 1)) (i64.const 0xfff))))
    ;;* 100 (local.set $sum (i64.xor (local.get $sum) (local.get $l{})))
    (local.get $sum))
  (func (export "_start") (drop (call $down (i64.const 0)))))
