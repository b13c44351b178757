;; Takes an item out of a stream by the number of another stream that it gave back.
;; must: exits 11
;; without handle-generation: exits 10
(module
  (import "wrun" "release" (func $release (param i32 i32) (result i32)))
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "stream_next" (func $stream_next (param i32 i64) (result i32)))
  (import "wrun" "yield_write" (func $yield_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00" "\00\00\00\00" "\05\00items" "\00\00" "\00\00")
  (func (export "items")
    (drop (call $yield_write (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 0))))
  (func (export "run") (local $got i32)
    (drop (call $spawn (i32.const 0) (i32.const 16) (i32.const 32) (i32.const 1)))
    (drop (call $release (i32.const 32) (i32.const 1)))
    (drop (call $spawn (i32.const 0) (i32.const 16) (i32.const 36) (i32.const 1)))
    (local.set $got (call $stream_next (i32.load (i32.const 32)) (i64.const -1)))
    (call $proc_exit (select (i32.const 10) (i32.sub (i32.const 10) (local.get $got))
      (i32.gt_s (local.get $got) (i32.const 0)))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"items\",\"export\":\"items\",\"stream\":true}\n"))
