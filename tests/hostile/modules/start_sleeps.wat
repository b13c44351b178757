;; Sleeps for 292 years in its start function, in which no call has begun yet.
;; timeout-ms: 500
;; must: fails "WR0106" "500ms"
;; without wall-time: runs-on
(module
  (import "wrun" "sleep" (func $sleep (param i64)))
  (memory (export "memory") 1)
  (func $first (call $sleep (i64.const 0x7fffffffffffffff)))
  (start $first)
  (func (export "_start")))
