;; A task that streams for ever is the job: its result would be all that it ever gave.
;; limits: result_bytes=1048576
;; task: flow
;; must: fails "WR0110" "the result takes more than 1048576 bytes as JSON"
;; without result-size: holds object_bytes 4000000
(module
  (import "wrun" "yield_write" (func $yield_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "flow")
    ;; JSON: a text of letters.
    (memory.fill (i32.const 1) (i32.const 120) (i32.const 1023))
    (i32.store8 (i32.const 0) (i32.const 1))
    (i32.store8 (i32.const 1) (i32.const 34))
    (i32.store8 (i32.const 1023) (i32.const 34))
    (loop $more
      (br_if $more (i32.eqz (call $yield_write (i32.const 0) (i32.const 1024) (i32.const 0) (i32.const 0))))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"flow\",\"export\":\"flow\",\"stream\":true}\n"))
