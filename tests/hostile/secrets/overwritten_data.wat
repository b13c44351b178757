;; The neighbour's job changes what its module says at the start; the stranger's job, of the same module, compares.
;; before: once
;; must: exits 0
;; without fresh-sandbox: exits 7
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 2)
  (data (i32.const 0x8000) "as it was")
  (data $passive "once")
  (func (export "_start")
    (if (i64.ne (i64.load (i32.const 0x8000)) (i64.const 0x6177207469207361))
      (then (call $proc_exit (i32.const 7))))
    (i64.store (i32.const 0x8000) (i64.const 0x7463657320796d))
    ;; A segment that was dropped could not be copied any more, which is a trap.
    (memory.init $passive (i32.const 0x10000) (i32.const 0) (i32.const 4))
    (data.drop $passive)))
