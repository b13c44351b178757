;; The neighbour's job puts a function into a table that was empty; the stranger's job, of the same module, looks there.
;; before: once
;; must: exits 0
;; without fresh-sandbox: exits 7
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (table $hooks 64 1000 funcref)
  (elem declare func $hook)
  (func $hook)
  (func (export "_start")
    (if (i32.eqz (ref.is_null (table.get $hooks (i32.const 63))))
      (then (call $proc_exit (i32.const 7))))
    ;; Nor is it longer than it was.
    (if (i32.ne (table.size $hooks) (i32.const 64)) (then (call $proc_exit (i32.const 7))))
    (table.set $hooks (i32.const 63) (ref.func $hook))
    (drop (table.grow $hooks (ref.func $hook) (i32.const 100)))))
