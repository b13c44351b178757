;; Sleeps for a nanosecond, for ever: each makes a timer of the host.
;; timeout-ms: 500
;; must: fails "WR0106" "took longer"
;; without wall-time: runs-on
(module
  (import "wrun" "sleep" (func $sleep (param i64)))
  (memory (export "memory") 1)
  (func (export "_start")
    (loop $more
      (call $sleep (i64.const 1))
      (br $more))))
