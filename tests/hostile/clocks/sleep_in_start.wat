;; Sleeps for a year in its start function, before anything is called.
;; timeout-ms: 500
;; must: fails "WR0106" "took longer"
;; without wall-time: runs-on
(module
  (import "wrun" "sleep" (func $sleep (param i64)))
  (memory (export "memory") 1)
  (func $begin (call $sleep (i64.const 31536000000000000)))
  (start $begin)
  (func (export "_start")))
