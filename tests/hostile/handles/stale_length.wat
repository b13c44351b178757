;; Asks for the length of an object under all 511 other numbers that its place has had or will have.
;; must: exits 10
;; without handle-generation: exits 110
(module
  (import "wrun" "put" (func $put (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "object_len" (func $object_len (param i32) (result i64)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00a")
  (func (export "_start") (local $own i32) (local $other i32) (local $i i32) (local $found i32)
    (local.set $own (call $put (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 0)))
    (loop $next
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      ;; The same place, another generation.
      (local.set $other (i32.and (i32.const 0x7fffffff)
        (i32.add (local.get $own) (i32.shl (local.get $i) (i32.const 22)))))
      (if (i64.gt_s (call $object_len (local.get $other)) (i64.const 0))
        (then (local.set $found (i32.add (local.get $found) (i32.const 1)))))
      (br_if $next (i32.lt_u (local.get $i) (i32.const 511))))
    (if (local.get $found) (then (call $proc_exit (i32.const 110))))
    (call $proc_exit (i32.const 10))))
