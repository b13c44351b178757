;; A task that fails with a message which is what the host has behind the guest's memory.
;; task: speak []
;; must: fails "WR0103" "`fail` was given 65536 bytes at 0x10000000" "memory of 65536 bytes"
;; without pointer-range: panics
(module
  (import "wrun" "fail" (func $fail (param i32 i32 i32)))
  (memory (export "memory") 1)
  (func (export "speak")
    (call $fail (i32.const 0) (i32.const 0x10000000) (i32.const 65536)))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"speak\",\"export\":\"speak\"}\n"))
