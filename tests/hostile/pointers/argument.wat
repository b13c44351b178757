;; A task reads its argument to the end of a 32-bit memory, which it does not have.
;; task: take [123456]
;; must: fails "WR0103" "`arg_read` was given 4 bytes at 0xfffffffc" "memory of 65536 bytes"
;; without pointer-range: panics
(module
  (import "wrun" "arg_read" (func $arg_read (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "take")
    (drop (call $arg_read (i32.const 0) (i32.const 0) (i32.const -4) (i32.const 4))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"take\",\"export\":\"take\",\"params\":[{\"name\":\"n\",\"type\":\"i64\"}]}\n"))
