;; Moves a table of twenty million functions up and down by one, again and again.
;; limits: cpu_seconds_per_job=1
;; must: fails "WR0110" "processor time"
;; without processor-time: runs-on
(module
  (memory (export "memory") 1)
  (table $t 20000000 funcref)
  (func (export "_start")
    (loop $more
      (table.copy $t $t (i32.const 1) (i32.const 0) (i32.const 19999999))
      (table.copy $t $t (i32.const 0) (i32.const 1) (i32.const 19999999))
      (br $more))))
