;; The neighbour's job has a password as its argument; the stranger's job, of the same module and with none, asks for
;; its arguments.
;; before: hunter2
;; must: prints "1 argument"
;; without fresh-sandbox: prints "hunter2"
(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "1 argument\0a")
  (data (i32.const 32) "\10\00\00\00" "\0b\00\00\00")
  (global $visits (mut i32) (i32.const 0))
  (func (export "_start")
    (drop (call $args_sizes_get (i32.const 64) (i32.const 68)))
    ;; Who has arguments comes for the first time, or has another's.
    (if (i32.gt_u (i32.load (i32.const 64)) (i32.const 1))
      (then
        (global.set $visits (i32.add (global.get $visits) (i32.const 1)))
        (if (i32.eq (global.get $visits) (i32.const 1)) (then (return)))
        (drop (call $args_get (i32.const 128) (i32.const 256)))
        (i32.store (i32.const 32) (i32.const 256))
        (i32.store (i32.const 36) (i32.load (i32.const 68)))))
    (drop (call $fd_write (i32.const 1) (i32.const 32) (i32.const 1) (i32.const 48)))
    (call $proc_exit (i32.const 0))))
