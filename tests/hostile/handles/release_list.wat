;; Gives back a list in which its one handle is a thousand times: each after the first names nothing, the place is not
;; put on the list of free ones twice, and two objects afterwards have two places.
;; must: exits 12
;; without handle-generation: exits 13
(module
  (import "wrun" "put" (func $put (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "release" (func $release (param i32 i32) (result i32)))
  (import "wrun" "object_len" (func $object_len (param i32) (result i64)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00abc")
  (func (export "_start") (local $i i32) (local $old i32) (local $one i32)
    (local.set $old (call $put (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 0)))
    (loop $again
      (i32.store (i32.add (i32.const 16) (i32.shl (local.get $i) (i32.const 2))) (local.get $old))
      (br_if $again (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 1000))))
    (if (i32.ne (call $release (i32.const 16) (i32.const 1000)) (i32.const -1)) (then (unreachable)))
    (local.set $one (call $put (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 0)))
    (drop (call $put (i32.const 0) (i32.const 3) (i32.const 0) (i32.const 0)))
    ;; Again, now that there is something in its place.
    (drop (call $release (i32.const 16) (i32.const 1000)))
    (drop (call $put (i32.const 0) (i32.const 4) (i32.const 0) (i32.const 0)))
    ;; The first of the two has 2 bytes; a place given away twice would have another's.
    (if (i64.eq (call $object_len (local.get $one)) (i64.const 2)) (then (call $proc_exit (i32.const 12))))
    (call $proc_exit (i32.const 13))))
