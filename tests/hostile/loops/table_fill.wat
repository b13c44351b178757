;; Fills a table of four million functions again and again.
;; limits: cpu_seconds_per_job=1
;; must: fails "WR0110" "processor time"
;; without processor-time: runs-on
(module
  (memory (export "memory") 1)
  (table $t 4000000 funcref)
  (func $f)
  (elem declare func $f)
  (func (export "_start")
    (loop $more
      (table.fill $t (i32.const 0) (ref.func $f) (i32.const 4000000))
      (br $more))))
