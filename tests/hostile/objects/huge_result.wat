;; Gives a text of eight megabytes as the job's result, which would be kept as long as the job.
;; limits: result_bytes=1048576
;; task: much
;; must: fails "WR0110" "the result takes more than 1048576 bytes as JSON"
;; without result-size: finishes
(module
  (import "wrun" "result_write" (func $result_write (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 130)
  (func (export "much")
    ;; JSON: a text of letters.
    (memory.fill (i32.const 1) (i32.const 120) (i32.const 8388608))
    (i32.store8 (i32.const 0) (i32.const 1))
    (i32.store8 (i32.const 1) (i32.const 34))
    (i32.store8 (i32.const 8388608) (i32.const 34))
    (drop (call $result_write (i32.const 0) (i32.const 0) (i32.const 8388609) (i32.const 0) (i32.const 0))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"much\",\"export\":\"much\"}\n"))
