;; Looks for the neighbour's detached actor and kills it: the neighbour would find another then, which begins anew.
;; then: shared ["treasure"] => 2
;; must: exits 5
;; without actor-names: spoils
(module
  (import "wrun" "actor_get" (func $actor_get (param i32 i32) (result i32)))
  (import "wrun" "actor_stop" (func $actor_stop (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "treasure")
  (func (export "_start") (local $found i32)
    (local.set $found (call $actor_get (i32.const 0) (i32.const 8)))
    (if (i32.lt_s (local.get $found) (i32.const 0))
      (then (call $proc_exit (i32.sub (i32.const 0) (local.get $found)))))
    (call $proc_exit (call $actor_stop (local.get $found) (i32.const 0)))))
