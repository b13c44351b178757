;; Looks into a large object by the number of another one that is gone.
;; must: exits 11
;; without handle-generation: finishes
(module
  (import "wrun" "put_plain" (func $put_plain (param i32 i32) (result i32)))
  (import "wrun" "release" (func $release (param i32 i32) (result i32)))
  (import "wrun" "view" (func $view (param i32 i64 i32) (result i64)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 32)
  (func (export "_start") (local $old i32) (local $at i64)
    (local.set $old (call $put_plain (i32.const 0) (i32.const 0x100000)))
    (i32.store (i32.const 0) (local.get $old))
    (drop (call $release (i32.const 0) (i32.const 1)))
    (i64.store (i32.const 8) (i64.const 0x746572636573))
    (drop (call $put_plain (i32.const 0) (i32.const 0x100000)))
    (local.set $at (call $view (local.get $old) (i64.const 0) (i32.const 0x100000)))
    ;; A pointer, or "copy it" (-11), which names the object too.
    (if (i64.eq (local.get $at) (i64.const -1)) (then (call $proc_exit (i32.const 11))))))
