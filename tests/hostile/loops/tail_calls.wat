;; Two functions call each other for ever as their last act: no loop, and no stack that would end it.
;; timeout-ms: 500
;; must: fails "WR0106" "took longer than its limit of 500ms"
;; without wall-time: runs-on
;; without interrupts: runs-on
(module
  (memory (export "memory") 1)
  (func $ping (return_call $pong))
  (func $pong (return_call $ping))
  (func (export "_start") (return_call $ping)))
