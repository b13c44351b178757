;; Stores two gigabytes, a megabyte at a time, where it may have 16 MiB: the rest goes to the host's disk.
;; limits: object_bytes=16777216 spilled_bytes=67108864
;; timeout-ms: 20000
;; must: exits 8
;; without object-bytes: holds object_bytes 100000000
;; without spilled-bytes: holds spilled_bytes 200000000
(module
  (import "wrun" "put" (func $put (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 17)
  (func (export "_start") (local $handle i32) (local $n i32)
    (loop $more
      (i32.store (i32.const 4) (local.get $n))
      (local.set $handle (call $put (i32.const 0) (i32.const 0x100000) (i32.const 0) (i32.const 0)))
      (if (i32.lt_s (local.get $handle) (i32.const 0))
        (then (call $proc_exit (i32.sub (i32.const 0) (local.get $handle)))))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $n) (i32.const 2000))))))
