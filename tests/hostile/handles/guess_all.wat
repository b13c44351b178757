;; Tries every number that a handle can have, all 2^31 of them, for an object of somebody else.
;; limits: cpu_seconds_per_job=1
;; must: fails "WR0110" "processor time"
;; without processor-time: runs-on
(module
  (import "wrun" "object_len" (func $object_len (param i32) (result i64)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start") (local $i i32)
    (loop $next
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (if (i64.ge_s (call $object_len (local.get $i)) (i64.const 0))
        (then (call $proc_exit (i32.const 66))))
      (br_if $next (i32.ne (local.get $i) (i32.const 0x7fffffff))))))
