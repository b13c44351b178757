;; Calls the cheapest function of the host for ever, so that nearly all of its time is spent there.
;; timeout-ms: 500
;; must: fails "WR0106" "took longer"
;; without wall-time: runs-on
;; without interrupts: runs-on
(module
  (import "wrun" "arg_count" (func $arg_count (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (loop $more
      (drop (call $arg_count))
      (br $more))))
