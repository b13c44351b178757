;; Lets `wait` write what is ready to the byte after its memory.
;; must: fails "WR0103" "`wait` was given 1 bytes at 0x10000" "memory of 65536 bytes"
;; without pointer-range: panics
(module
  (import "wrun" "put" (func $put (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "wait" (func $wait (param i32 i32 i32 i32 i64 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00a")
  (func (export "_start")
    (i32.store (i32.const 16) (call $put (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 0)))
    ;; In the last byte there is room.
    (if (i32.ne (i32.const 1) (call $wait (i32.const 16) (i32.const 1) (i32.const 1) (i32.const 1)
        (i64.const -1) (i32.const 0xffff)))
      (then (return)))
    (drop (call $wait (i32.const 16) (i32.const 1) (i32.const 1) (i32.const 1)
      (i64.const -1) (i32.const 0x10000)))))
