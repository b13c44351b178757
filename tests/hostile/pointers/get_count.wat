;; Waits for 2^30 handles: four bytes for each are 2^32, which is 0 for who counts in 32 bits. Then for fewer, which are
;; still not in its memory.
;; must: fails "WR0103" "`get` was given 4294967296 bytes at 0x0" "outside of the guest's memory"
;; without pointer-range: panics
(module
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (drop (call $get (i32.const 0) (i32.const 0x40000000) (i64.const 0)))
    (drop (call $get (i32.const 0) (i32.const 0x100000) (i64.const 0)))))
