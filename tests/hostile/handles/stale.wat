;; Stores a value, releases its handle, stores another, and reads through the old number.
;; must: finishes
;; must: prints "-1"
;; without handle-generation: prints "2"
(module
  (import "wrun" "put" (func $put (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "release" (func $release (param i32 i32) (result i32)))
  (import "wrun" "object_read" (func $object_read (param i32 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00a")
  (data (i32.const 16) "-1\0a2\0a")
  (func $say (param $at i32) (param $len i32)
    (i32.store (i32.const 40) (local.get $at))
    (i32.store (i32.const 44) (local.get $len))
    (drop (call $fd_write (i32.const 1) (i32.const 40) (i32.const 1) (i32.const 48))))
  (func (export "_start") (local $old i32)
    (local.set $old (call $put (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 0)))
    (i32.store (i32.const 32) (local.get $old))
    (drop (call $release (i32.const 32) (i32.const 1)))
    (drop (call $put (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 0)))
    (if (i32.lt_s (call $object_read (local.get $old) (i64.const 0) (i32.const 64) (i32.const 2)) (i32.const 0))
      (then (call $say (i32.const 16) (i32.const 3)))
      (else (call $say (i32.const 19) (i32.const 2))))))
