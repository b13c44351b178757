;; The neighbour's job writes a secret into its memory; the stranger's job, of the same module, looks for it there.
;; before: once
;; must: exits 0
;; without fresh-sandbox: exits 7
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 2)
  (func (export "_start")
    ;; Who finds nothing is the first, and leaves something.
    (if (i64.ne (i64.load (i32.const 100000)) (i64.const 0))
      (then (call $proc_exit (i32.const 7))))
    (i64.store (i32.const 100000) (i64.const 0x7463657320796d))))
