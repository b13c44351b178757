;; Stores a chain of values, each of which refers to the one before, and lets go of the last: all go, one within the other.
;; limits: object_bytes=33554432
;; must: exits 8
;; without object-bytes: holds object_bytes 200000000
(module
  (import "wrun" "put" (func $put (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "release" (func $release (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  ;; The newest handle at 16, the one before at 20.
  (func (export "_start") (local $handle i32) (local $n i32)
    (i32.store (i32.const 16) (call $put (i32.const 0) (i32.const 5) (i32.const 16) (i32.const 0)))
    (loop $more
      (local.set $handle (call $put (i32.const 0) (i32.const 5) (i32.const 16) (i32.const 1)))
      (if (i32.lt_s (local.get $handle) (i32.const 0))
        (then
          (drop (call $release (i32.const 16) (i32.const 1)))
          (call $proc_exit (i32.sub (i32.const 0) (local.get $handle)))))
      (i32.store (i32.const 20) (i32.load (i32.const 16)))
      (i32.store (i32.const 16) (local.get $handle))
      (drop (call $release (i32.const 20) (i32.const 1)))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $n) (i32.const 1000000))))
    (drop (call $release (i32.const 16) (i32.const 1)))))
