;; Waits for an object by the number of one that it gave back before.
;; must: exits 11
;; without handle-generation: exits 10
(module
  (import "wrun" "put" (func $put (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wrun" "release" (func $release (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00a")
  (func $put_one (result i32) (call $put (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 0)))
  (func (export "_start")
    (i32.store (i32.const 16) (call $put_one))
    (drop (call $release (i32.const 16) (i32.const 1)))
    (drop (call $put_one))
    ;; The status without its sign, from 10 on: 11 is no handle, 10 is found.
    (call $proc_exit (i32.sub (i32.const 10) (call $get (i32.const 16) (i32.const 1) (i64.const 0))))))
