;; Lets the handles of an object's references be written far behind its memory, with room for 2^30 of them.
;; must: fails "WR0103" "`object_refs` was given 4294967296 bytes at 0xfffffffc" "outside of the guest's memory"
;; without pointer-range: panics
(module
  (import "wrun" "put" (func $put (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "object_refs" (func $object_refs (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00a")
  (func (export "_start")
    (i32.store (i32.const 16) (call $put (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 0)))
    ;; An object that refers to the first.
    (drop (call $object_refs
      (call $put (i32.const 0) (i32.const 2) (i32.const 16) (i32.const 1))
      (i32.const -4) (i32.const 0x40000000)))))
