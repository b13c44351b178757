;; Fills its table to the last place, and takes -1 for a handle: all bits are set, those of the place and more.
;; must: exits 10
;; without handle-generation: exits 110
(module
  (import "wrun" "put" (func $put (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "object_refs" (func $object_refs (param i32 i32 i32) (result i32)))
  (import "wrun" "object_len" (func $object_len (param i32) (result i64)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 65)
  (data (i32.const 0) "\00a")
  (func (export "_start") (local $i i32) (local $one i32) (local $many i32)
    (local.set $one (call $put (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 0)))
    ;; A value with 2^18 references to it, which are taken out sixteen times; then one by one, as long as it goes.
    (loop $fill
      (i32.store (i32.add (i32.const 64) (i32.shl (local.get $i) (i32.const 2))) (local.get $one))
      (br_if $fill (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 0x40000))))
    (local.set $many (call $put (i32.const 0) (i32.const 2) (i32.const 64) (i32.const 0x40000)))
    (loop $take
      (br_if $take (i32.gt_s (call $object_refs (local.get $many) (i32.const 64) (i32.const 0x40000)) (i32.const 0))))
    (i32.store (i32.const 64) (local.get $one))
    (local.set $many (call $put (i32.const 0) (i32.const 2) (i32.const 64) (i32.const 1)))
    (loop $take
      (br_if $take (i32.gt_s (call $object_refs (local.get $many) (i32.const 64) (i32.const 1)) (i32.const 0))))
    (call $proc_exit (select (i32.const 110) (i32.const 10)
      (i64.gt_s (call $object_len (i32.const -1)) (i64.const 0))))))
