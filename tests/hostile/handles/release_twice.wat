;; Gives a handle back twice, between which its place was taken by another: the second time would give back that one.
;; must: exits 12
;; without handle-generation: exits 9
(module
  (import "wrun" "put" (func $put (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "release" (func $release (param i32 i32) (result i32)))
  (import "wrun" "object_len" (func $object_len (param i32) (result i64)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00a")
  (func $put_one (result i32) (call $put (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 0)))
  (func (export "_start") (local $other i32)
    (i32.store (i32.const 16) (call $put_one))
    (drop (call $release (i32.const 16) (i32.const 1)))
    (local.set $other (call $put_one))
    (drop (call $release (i32.const 16) (i32.const 1)))
    ;; The other has its 2 bytes, or there is no such handle any more.
    (call $proc_exit (i32.add (i32.const 10) (i32.wrap_i64 (call $object_len (local.get $other)))))))
