;; Spawns calls whose encoding begins in its memory and ends behind it; one that breaks off at the memory's end is
;; malformed and no more.
;; must: fails "WR0103" "`spawn` was given 131072 bytes at 0xfff0" "memory of 65536 bytes"
;; without pointer-range: panics
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; A task whose name has 255 bytes, of which 9 are there.
  (data (i32.const 0xfff0) "\00" "\00\00\00\00" "\ff\00" "long name")
  (func (export "_start")
    (if (i32.ne (call $spawn (i32.const 0xfff0) (i32.const 16) (i32.const 0) (i32.const 1)) (i32.const -4))
      (then (return)))
    (drop (call $spawn (i32.const 0xfff0) (i32.const 0x20000) (i32.const 0) (i32.const 1)))))
