;; Stores a value with a million references, as many as there may be at once, in a memory that has room for 16,384.
;; must: fails "WR0103" "`put` was given 4194304 bytes at 0x10" "memory of 65536 bytes"
;; without pointer-range: panics
(module
  (import "wrun" "put" (func $put (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00a")
  (func (export "_start") (local $n i32)
    (local.set $n (i32.const 0x100000))
    (drop (call $put (i32.const 0) (i32.const 2) (i32.const 16) (local.get $n)))))
