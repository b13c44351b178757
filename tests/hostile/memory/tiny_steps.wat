;; Grows by one page at a time and writes to each: no single step is large.
;; limits: memory=67108864
;; must: fails "WR0109" "its limit is 64 MiB"
;; without memory-limit,sandbox-bytes: grows 500
(module
  (memory (export "memory") 1)
  (func (export "_start") (local $at i32)
    (loop $more
      (local.set $at (memory.grow (i32.const 1)))
      (if (i32.eq (local.get $at) (i32.const -1)) (then (unreachable)))
      (memory.fill (i32.shl (local.get $at) (i32.const 16)) (i32.const 1) (i32.const 0x10000))
      (br_if $more (i32.lt_u (memory.size) (i32.const 0x2800))))))
