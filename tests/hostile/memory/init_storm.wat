;; Copies passive data into its memory for ever, always to the same place.
;; timeout-ms: 800
;; must: fails "WR0106" "took longer"
;; without wall-time: runs-on
(module
  (memory (export "memory") 8)
  (data $d
  ;;* 4096 "passive data that is copied over and over again, {}...........\00"
  )
  (func (export "_start")
    (loop $more
      (memory.init $d (i32.const 0) (i32.const 0) (i32.const 0x40000))
      (br $more))))
