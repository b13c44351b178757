;; Has a hundred tables, as many as a module may have, each of eight hundred thousand functions, and fills one after
;; another: each alone is small.
;; limits: memory=67108864
;; must: fails "WR0109" "the limit is 64 MiB"
;; without memory-limit,sandbox-bytes: grows 400
(module
  (memory (export "memory") 1)
;;* 100 (table 800000 funcref)
  (func $f)
  (elem declare func $f)
  (func (export "_start")
;;* 100 (table.fill {} (i32.const 0) (ref.func $f) (i32.const 800000))
  ))
