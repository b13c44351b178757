;; Has a table of nine million functions from the start, and fills it: its memory is one page.
;; limits: memory=33554432
;; must: fails "WR0109" "the limit is 32 MiB"
;; without memory-limit,sandbox-bytes: finishes
(module
  (memory (export "memory") 1)
  (table $t 9000000 funcref)
  (func $f)
  (elem declare func $f)
  (func (export "_start")
    (table.fill $t (i32.const 0) (ref.func $f) (i32.const 9000000))))
