;; Stores a value that refers to an object by the number of another one that is gone.
;; must: exits 11
;; without handle-generation: finishes
(module
  (import "wrun" "put" (func $put (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "release" (func $release (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00a")
  (func (export "_start") (local $got i32)
    (i32.store (i32.const 16) (call $put (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 0)))
    (drop (call $release (i32.const 16) (i32.const 1)))
    (drop (call $put (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 0)))
    (local.set $got (call $put (i32.const 0) (i32.const 2) (i32.const 16) (i32.const 1)))
    (if (i32.lt_s (local.get $got) (i32.const 0))
      (then (call $proc_exit (i32.sub (i32.const 10) (local.get $got)))))))
