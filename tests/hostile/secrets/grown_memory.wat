;; The neighbour's job grows its memory by 4 MiB and fills them; the stranger's job, of the same module, grows its own
;; and looks for what was there before.
;; before: once
;; must: exits 0
;; without fresh-sandbox: exits 7
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start") (local $at i32) (local $size i32)
    (local.set $size (memory.size))
    (if (i32.eq (memory.grow (i32.const 64)) (i32.const -1)) (then (unreachable)))
    (local.set $at (i32.const 0x10000))
    (loop $next
      (if (i32.load (local.get $at)) (then (call $proc_exit (i32.const 7))))
      (local.set $at (i32.add (local.get $at) (i32.const 1024)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 0x400000))))
    ;; It was as small as it should be.
    (if (i32.ne (local.get $size) (i32.const 1)) (then (call $proc_exit (i32.const 7))))
    (memory.fill (i32.const 0x10000) (i32.const 0x73) (i32.const 0x400000))))
