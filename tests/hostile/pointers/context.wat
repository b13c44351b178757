;; Lets the context be written behind its memory.
;; must: fails "WR0103" "`context` was given 4096 bytes at 0xff00" "memory of 65536 bytes"
;; without pointer-range: panics
(module
  (import "wrun" "context" (func $context (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    ;; With no room at all it tells how long it is.
    (if (i32.eqz (call $context (i32.const 0) (i32.const 0))) (then (return)))
    (drop (call $context (i32.const 0xff00) (i32.const 4096)))))
