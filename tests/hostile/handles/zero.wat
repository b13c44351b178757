;; Reads by the numbers 0, 1 and on, which no handle ever has: places in the table without a generation.
;; must: exits 10
;; without handle-generation: exits 110
(module
  (import "wrun" "put" (func $put (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "object_read" (func $object_read (param i32 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00a")
  (func (export "_start") (local $i i32) (local $found i32)
    (loop $more
      (drop (call $put (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 0)))
      (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 100))))
    (local.set $i (i32.const 0))
    (loop $next
      (if (i32.ge_s (call $object_read (local.get $i) (i64.const 0) (i32.const 32) (i32.const 2)) (i32.const 0))
        (then (local.set $found (i32.add (local.get $found) (i32.const 1)))))
      (br_if $next (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 200))))
    (call $proc_exit (i32.add (i32.const 10) (local.get $found)))))
