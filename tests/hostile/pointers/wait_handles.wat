;; Waits for handles of which the last lies half in its memory and half behind it; with none at all, at the memory's end,
;; there is nothing to wait for.
;; must: fails "WR0103" "`wait` was given 8 bytes at 0xfffa" "memory of 65536 bytes"
;; without pointer-range: panics
(module
  (import "wrun" "wait" (func $wait (param i32 i32 i32 i32 i64 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (if (call $wait (i32.const 0x10000) (i32.const 0) (i32.const 0) (i32.const 0) (i64.const -1) (i32.const 0x10000))
      (then (return)))
    (drop (call $wait (i32.const 0xfffa) (i32.const 2) (i32.const 0) (i32.const 2)
      (i64.const 0x7fffffffffffffff) (i32.const 0)))))
