;; Reads an object by numbers of 2^31 and above: its own with the highest bit set, and with all of the generation's.
;; must: exits 10
;; without handle-generation: exits 12
(module
  (import "wrun" "put" (func $put (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "object_read" (func $object_read (param i32 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00a")
  (global $found (mut i32) (i32.const 10))
  (func $try (param $handle i32)
    (if (i32.gt_s (call $object_read (local.get $handle) (i64.const 0) (i32.const 32) (i32.const 2)) (i32.const 0))
      (then (global.set $found (i32.add (global.get $found) (i32.const 1))))))
  (func (export "_start") (local $own i32)
    (local.set $own (call $put (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 0)))
    (call $try (i32.or (local.get $own) (i32.const 0x80000000)))
    (call $try (i32.or (local.get $own) (i32.const 0xffc00000)))
    (call $proc_exit (global.get $found))))
