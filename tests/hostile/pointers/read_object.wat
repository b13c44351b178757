;; Reads an object to a place of which only the first byte is in its memory.
;; must: fails "WR0103" "`object_read` was given 8 bytes at 0xffff" "memory of 65536 bytes"
;; without pointer-range: panics
(module
  (import "wrun" "put" (func $put (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "object_read" (func $object_read (param i32 i64 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00abcdefghij")
  (func (export "_start")
    (drop (call $object_read
      (call $put (i32.const 0) (i32.const 11) (i32.const 0) (i32.const 0))
      (i64.const 0) (i32.const 0xffff) (i32.const 8)))))
