;; Compares what the last error says of a name that the neighbour's actor has and of one that nobody's has.
;; must: exits 10
;; without actor-names: exits 110
(module
  (import "wrun" "actor_get" (func $actor_get (param i32 i32) (result i32)))
  (import "wrun" "last_error" (func $last_error (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "treasurenonesuch")
  (func (export "_start") (local $len i32) (local $i i32) (local $differ i32)
    ;; From the unknown name on, so that an error there would still be the last one.
    (drop (call $actor_get (i32.const 8) (i32.const 8)))
    (local.set $len (call $last_error (i32.const 0x1000) (i32.const 0x1000)))
    (drop (call $actor_get (i32.const 0) (i32.const 8)))
    (if (i32.ne (local.get $len) (call $last_error (i32.const 0x2000) (i32.const 0x1000)))
      (then (call $proc_exit (i32.const 110))))
    ;; They differ in the bytes of the name and in no others: six of them.
    (loop $next
      (if (i32.ne (i32.load8_u offset=0x1000 (local.get $i)) (i32.load8_u offset=0x2000 (local.get $i)))
        (then (local.set $differ (i32.add (local.get $differ) (i32.const 1)))))
      (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $len))))
    (call $proc_exit (select (i32.const 10) (i32.const 110) (i32.eq (local.get $differ) (i32.const 6))))))
