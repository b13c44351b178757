;; Stores the same byte again and again, for the sake of the handles.
;; limits: handles=10000
;; must: exits 6
;; without handles: holds handles 200000
(module
  (import "wrun" "put" (func $put (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start") (local $handle i32) (local $n i32)
    (loop $more
      (local.set $handle (call $put (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 0)))
      (if (i32.lt_s (local.get $handle) (i32.const 0))
        (then (call $proc_exit (i32.sub (i32.const 0) (local.get $handle)))))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $n) (i32.const 1000000))))))
