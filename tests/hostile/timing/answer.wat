;; Asks a thousand times for a name that the neighbour's actor has and for one that nobody's has: the answers are the
;; same, whatever time they take.
;; must: exits 10
;; without actor-names: exits 110
(module
  (import "wrun" "actor_get" (func $actor_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "treasure")
  (data (i32.const 16) "nonesuch")
  (func (export "_start") (local $n i32)
    (loop $next
      (if (i32.ne (call $actor_get (i32.const 0) (i32.const 8)) (call $actor_get (i32.const 16) (i32.const 8)))
        (then (call $proc_exit (i32.const 110))))
      (br_if $next (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1000))))
    (call $proc_exit (i32.const 10))))
