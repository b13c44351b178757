;; Looks for an actor whose name ends with the last byte of its memory, and for one whose name goes on behind it.
;; must: fails "WR0103" "`actor_get` was given 8 bytes at 0xfffc" "memory of 65536 bytes"
;; without pointer-range: panics
(module
  (import "wrun" "actor_get" (func $actor_get (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0xfff8) "nonesuch")
  (func (export "_start")
    ;; There is none of that name, which is no fault.
    (if (i32.ne (call $actor_get (i32.const 0xfff8) (i32.const 8)) (i32.const -5))
      (then (return)))
    (drop (call $actor_get (i32.const 0xfffc) (i32.const 8)))))
