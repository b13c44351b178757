;; A task that says that it has one result writes its thousandth, and its first only when that was refused.
;; task: more []
;; must: finishes
;; without result-index: panics
(module
  (import "wrun" "result_write" (func $result_write (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\01null")
  (func (export "more")
    (if (i32.eq (i32.const -4)
        (call $result_write (i32.const 1000) (i32.const 0) (i32.const 5) (i32.const 0) (i32.const 0)))
      (then
        (drop (call $result_write (i32.const 0) (i32.const 0) (i32.const 5) (i32.const 0) (i32.const 0))))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"more\",\"export\":\"more\"}\n"))
