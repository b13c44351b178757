;; Reads by the number of an actor that it gave back: in its place is an object now, of another kind altogether.
;; must: exits 11
;; without handle-generation: exits 8
(module
  (import "wrun" "put" (func $put (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "release" (func $release (param i32 i32) (result i32)))
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "object_read" (func $object_read (param i32 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\01" "\00\00\00\00" "\04\00Safe" "\00\00" "\00\00")
  (func $read (param $handle i32) (result i32)
    (i32.sub (i32.const 10) (call $object_read (local.get $handle) (i64.const 0) (i32.const 96) (i32.const 2))))
  (func (export "new"))
  (func (export "run")
    (drop (call $spawn (i32.const 0) (i32.const 15) (i32.const 64) (i32.const 1)))
    ;; As long as it is an actor's it is no object's.
    (if (i32.ne (call $read (i32.load (i32.const 64))) (i32.const 11)) (then (unreachable)))
    (drop (call $release (i32.const 64) (i32.const 1)))
    (drop (call $put (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 0)))
    (call $proc_exit (call $read (i32.load (i32.const 64)))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"constructor\",\"name\":\"Safe\",\"export\":\"new\"}\n"))
