;; Gives back more handles than its memory has room for, from a good one on.
;; must: fails "WR0103" "`release` was given 80000 bytes at 0x0" "memory of 65536 bytes"
;; without pointer-range: panics
(module
  (import "wrun" "put" (func $put (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "release" (func $release (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "\00a")
  (func (export "_start")
    (i32.store (i32.const 0) (call $put (i32.const 16) (i32.const 2) (i32.const 0) (i32.const 0)))
    (drop (call $release (i32.const 0) (i32.const 20000)))))
