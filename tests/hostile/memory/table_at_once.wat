;; Grows its table by a hundred million functions in one instruction, and fills it in another.
;; limits: memory=67108864
;; must: exits 10
;; without memory-limit,sandbox-bytes: grows 500
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (table $t 1 funcref)
  (func $f)
  (elem declare func $f)
  (func (export "_start")
    (if (i32.eq (table.grow $t (ref.func $f) (i32.const 100000000)) (i32.const -1))
      (then (call $proc_exit (i32.const 10))))
    (table.fill $t (i32.const 0) (ref.func $f) (i32.const 100000001))
    (call $proc_exit (i32.const 11))))
