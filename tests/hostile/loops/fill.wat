;; Fills half a gigabyte again and again: a single instruction that takes long, in a loop.
;; limits: memory=603979776 cpu_seconds_per_job=1
;; must: fails "WR0110" "processor time"
;; without processor-time: runs-on
;; without interrupts: runs-on
(module
  (memory (export "memory") 8193)
  (func (export "_start")
    (loop $more
      (memory.fill (i32.const 0) (i32.const 7) (i32.const 0x20000000))
      (br $more))))
