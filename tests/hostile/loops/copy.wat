;; Moves half a gigabyte up and down by a page, again and again.
;; limits: memory=603979776
;; timeout-ms: 800
;; must: fails "WR0106" "took longer"
;; without wall-time: runs-on
(module
  (memory (export "memory") 8194)
  (func (export "_start")
    (loop $more
      (memory.copy (i32.const 0x10000) (i32.const 0) (i32.const 0x20000000))
      (memory.copy (i32.const 0) (i32.const 0x10000) (i32.const 0x20000000))
      (br $more))))
