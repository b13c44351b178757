;; A start function that traps when the memory is not as it should be, and then leaves something there for the next one.
;; before: once
;; must: finishes
;; without fresh-sandbox: exits 7
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (global $starts (mut i32) (i32.const 0))
  (global $calls (mut i32) (i32.const 0))
  (func $first
    (if (i32.load (i32.const 0x8000)) (then (unreachable)))
    (global.set $starts (i32.add (global.get $starts) (i32.const 1)))
    (i32.store (i32.const 0x8000) (i32.const 7)))
  (start $first)
  ;; One start for each call.
  (func (export "_start")
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (if (i32.ne (global.get $calls) (global.get $starts)) (then (call $proc_exit (i32.const 7))))))
