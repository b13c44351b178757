;; Asks for a million objects at once, again and again: one call of the host that takes long, in a loop.
;; limits: cpu_seconds_per_job=1
;; must: fails "WR0110" "processor time"
;; without processor-time: runs-on
(module
  (import "wrun" "put" (func $put (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (memory (export "memory") 65)
  (func (export "_start") (local $handle i32) (local $at i32)
    (local.set $handle (call $put (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0)))
    (loop $more
      (i32.store (local.get $at) (local.get $handle))
      (local.set $at (i32.add (local.get $at) (i32.const 4)))
      (br_if $more (i32.lt_u (local.get $at) (i32.const 0x400000))))
    (loop $again
      (br_if $again (i32.eqz (call $get (i32.const 0) (i32.const 0x100000) (i64.const -1)))))))
