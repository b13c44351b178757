;; A task whose result are the bytes from the last one of its memory on.
;; task: result []
;; must: fails "WR0103" "`result_plain` was given 64 bytes at 0xffff" "memory of 65536 bytes"
;; without pointer-range: panics
(module
  (import "wrun" "result_plain" (func $result_plain (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "result")
    (drop (call $result_plain (i32.const 0) (i32.const 0xffff) (i32.const 64))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"result\",\"export\":\"result\"}\n"))
