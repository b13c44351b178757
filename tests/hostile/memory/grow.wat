;; Asks for 16 MiB again and again and writes to all of it, until it gets no more.
;; limits: memory=67108864
;; must: fails "WR0109" "64 MiB"
;; without memory-limit,sandbox-bytes: grows 500
(module
  (memory (export "memory") 1)
  (func (export "_start") (local $at i32)
    (loop $more
      (local.set $at (memory.grow (i32.const 256)))
      (if (i32.eq (local.get $at) (i32.const -1)) (then (unreachable)))
      (memory.fill (i32.shl (local.get $at) (i32.const 16)) (i32.const 1) (i32.const 0x1000000))
      (br_if $more (i32.lt_u (memory.size) (i32.const 0x3000))))))
