;; A task whose result refers to handles that begin behind its memory.
;; task: result []
;; must: fails "WR0103" "`result_write` was given 16 bytes at 0x10000000" "outside of the guest's memory"
;; without pointer-range: panics
(module
  (import "wrun" "result_write" (func $result_write (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\01null")
  (func (export "result")
    (drop (call $result_write (i32.const 0) (i32.const 0) (i32.const 5)
      (i32.const 0x10000000) (i32.const 4))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"result\",\"export\":\"result\"}\n"))
