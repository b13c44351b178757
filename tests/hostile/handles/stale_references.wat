;; Takes the references out of an object by the number of another one that is gone.
;; must: exits 11
;; without handle-generation: exits 9
(module
  (import "wrun" "put" (func $put (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "release" (func $release (param i32 i32) (result i32)))
  (import "wrun" "object_refs" (func $object_refs (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00a")
  (func (export "_start")
    (i32.store (i32.const 16) (call $put (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 0)))
    (i32.store (i32.const 20) (call $put (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 0)))
    (drop (call $release (i32.const 16) (i32.const 1)))
    ;; In the place of the first is now one that refers to the second.
    (drop (call $put (i32.const 0) (i32.const 2) (i32.const 20) (i32.const 1)))
    (call $proc_exit (i32.sub (i32.const 10)
      (call $object_refs (i32.load (i32.const 16)) (i32.const 32) (i32.const 4))))))
