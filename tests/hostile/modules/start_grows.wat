;; Takes memory in its start function, 4 MiB again and again, and writes to it, until it gets no more: then it traps.
;; limits: memory=67108864
;; must: fails "WR0109" "64 MiB"
;; without memory-limit,sandbox-bytes: grows 500
(module
  (memory (export "memory") 1)
  (func $first (local $at i32)
    (loop $more
      (local.set $at (memory.grow (i32.const 64)))
      (if (i32.eq (local.get $at) (i32.const -1)) (then (unreachable)))
      (memory.fill (i32.shl (local.get $at) (i32.const 16)) (i32.const 1) (i32.const 0x400000))
      (br_if $more (i32.lt_u (memory.size) (i32.const 0x3000)))))
  (start $first)
  (func (export "_start")))
