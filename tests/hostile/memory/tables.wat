;; Grows its table instead of its memory, each time by a million functions.
;; limits: memory=67108864
;; must: fails "WR0109" "its limit is 64 MiB"
;; without memory-limit,sandbox-bytes: grows 500
(module
  (memory (export "memory") 1)
  (table $t 1 funcref)
  (func $f)
  (elem declare func $f)
  (func (export "_start")
    (loop $more
      (if (i32.eq (table.grow $t (ref.func $f) (i32.const 1000000)) (i32.const -1)) (then (unreachable)))
      (br_if $more (i32.lt_u (table.size $t) (i32.const 80000000))))))
