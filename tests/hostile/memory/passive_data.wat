;; Copies passive data of a quarter of a megabyte from the module to the end of its memory, without end.
;; limits: memory=67108864
;; must: fails "WR0109" "its limit is 64 MiB"
;; without memory-limit,sandbox-bytes: grows 500
(module
  (memory (export "memory") 1)
  (data $d
  ;;* 4096 "passive data that is copied over and over again, {}...........\00"
  )
  (func (export "_start") (local $at i32)
    (loop $more
      (local.set $at (memory.grow (i32.const 4)))
      (if (i32.eq (local.get $at) (i32.const -1)) (then (unreachable)))
      (memory.init $d (i32.shl (local.get $at) (i32.const 16)) (i32.const 0) (i32.const 0x40000))
      (br_if $more (i32.lt_u (memory.size) (i32.const 0x2800))))))
