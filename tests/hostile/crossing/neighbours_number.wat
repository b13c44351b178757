;; The neighbour's job stores its argument as an object and keeps the handle; the stranger's job, of the same module,
;; reads by the number that the first handle of a sandbox has.
;; before: whispered
;; must: prints "nothing"
;; without fresh-sandbox: prints "whispered"
(module
  (import "wrun" "put" (func $put (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "object_read" (func $object_read (param i32 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 16) "nothing\0a")
  (data (i32.const 32) "\10\00\00\00" "\08\00\00\00")
  (func (export "_start") (local $n i32)
    (local.set $n (call $object_read (i32.const 0x400000) (i64.const 0) (i32.const 0x8000) (i32.const 64)))
    (drop (call $args_sizes_get (i32.const 64) (i32.const 68)))
    (if (i32.and (i32.eq (i32.load (i32.const 64)) (i32.const 2)) (i32.lt_s (local.get $n) (i32.const 0)))
      (then ;; The neighbour. The arguments are the module's name and its own, as they lie there.
        (drop (call $args_get (i32.const 0x4000) (i32.const 0x4100)))
        (drop (call $put (i32.const 0x4100) (i32.const 64) (i32.const 0) (i32.const 0)))
        (return)))
    (if (i32.gt_s (local.get $n) (i32.const 0))
      (then
        (i32.store (i32.const 32) (i32.const 0x8000))
        (i32.store (i32.const 36) (local.get $n))))
    (drop (call $fd_write (i32.const 1) (i32.const 32) (i32.const 1) (i32.const 48)))
    (call $proc_exit (i32.const 0))))
