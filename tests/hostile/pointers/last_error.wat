;; Lets the last error be written over all that a 32-bit pointer can reach.
;; must: fails "WR0103" "`last_error` was given 4294967295 bytes at 0x0" "memory of 65536 bytes"
;; without pointer-range: panics
(module
  (import "wrun" "object_len" (func $object_len (param i32) (result i64)))
  (import "wrun" "last_error" (func $last_error (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    ;; There is no such handle, so there is an error.
    (drop (call $object_len (i32.const 7)))
    (drop (call $last_error (i32.const 0) (i32.const -1)))))
