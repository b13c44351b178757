;; The neighbour's job leaves a secret in a global variable; the stranger's job, of the same module, looks there.
;; before: once
;; must: exits 0
;; without fresh-sandbox: exits 7
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (global $secret (mut i64) (i64.const 0))
  (global $more (mut f64) (f64.const 0))
  (func (export "_start")
    (if (i64.ne (global.get $secret) (i64.const 0)) (then (call $proc_exit (i32.const 7))))
    (if (f64.ne (global.get $more) (f64.const 0)) (then (call $proc_exit (i32.const 7))))
    (global.set $secret (i64.const 0x7463657320796d))
    (global.set $more (f64.const 0.25))))
