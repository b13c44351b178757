;; As one that looks into a small memory for what was left there, in one of 2 MiB and more, whose sandboxes are others.
;; before: once
;; must: exits 0
;; without fresh-sandbox: exits 7
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 40)
  (func (export "_start") (local $at i32)
    ;; All of it, page by page.
    (loop $next
      (if (i64.ne (i64.load (local.get $at)) (i64.const 0)) (then (call $proc_exit (i32.const 7))))
      (local.set $at (i32.add (local.get $at) (i32.const 4096)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 0x280000))))
    (loop $leave
      (local.set $at (i32.sub (local.get $at) (i32.const 4096)))
      (i64.store (local.get $at) (i64.const 0x7463657320796d))
      (br_if $leave (local.get $at)))))
