;; Asks which of two objects is ready, one of them by the number of a third one that it gave back.
;; must: exits 11
;; without handle-generation: exits 8
(module
  (import "wrun" "put" (func $put (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "wait" (func $wait (param i32 i32 i32 i32 i64 i32) (result i32)))
  (import "wrun" "release" (func $release (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00a")
  (func $put_one (result i32) (call $put (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 0)))
  (func (export "_start")
    (i32.store (i32.const 16) (call $put_one))
    (i32.store (i32.const 20) (call $put_one))
    (drop (call $release (i32.const 16) (i32.const 1)))
    (drop (call $put_one))
    ;; 11: no handle. 8: both are there.
    (call $proc_exit (i32.sub (i32.const 10) (call $wait (i32.const 16) (i32.const 2)
      (i32.const 2) (i32.const 2) (i64.const -1) (i32.const 32))))))
