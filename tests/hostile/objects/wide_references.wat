;; Stores values of one byte that refer to the same object a hundred thousand times each.
;; limits: object_bytes=16777216
;; must: exits 8
;; without object-bytes: holds object_bytes 300000000
(module
  (import "wrun" "put" (func $put (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 8)
  (func (export "_start") (local $handle i32) (local $n i32)
    (i32.store (i32.const 16) (call $put (i32.const 0) (i32.const 1) (i32.const 16) (i32.const 0)))
    (loop $more
      (i32.store offset=20 (local.get $n) (i32.load (i32.const 16)))
      (local.set $n (i32.add (local.get $n) (i32.const 4)))
      (br_if $more (i32.lt_u (local.get $n) (i32.const 399996))))
    (local.set $n (i32.const 0))
    (loop $more
      (local.set $handle (call $put (i32.const 0) (i32.const 1) (i32.const 16) (i32.const 100000)))
      (if (i32.lt_s (local.get $handle) (i32.const 0))
        (then (call $proc_exit (i32.sub (i32.const 0) (local.get $handle)))))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $n) (i32.const 400))))))
