;; A task, whose own table is empty, reads by the number that its caller's handle has, which it was given as plain bytes
;; while the caller holds it.
;; must: exits 11
;; without own-handles: exits 4
(module
  (import "wrun" "put" (func $put (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "result_plain" (func $result_plain (param i32 i32 i32) (result i32)))
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wrun" "arg_read" (func $arg_read (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "object_read" (func $object_read (param i32 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  ;; look(number), whose bytes are at 57.
  (data (i32.const 32) "\00" "\00\00\00\00" "\04\00look" "\00\00" "\01\00"
    "\00" "\05\00\00\00" "\00\00\00\00" "\02" "\00\00\00\00")
  (data (i32.const 64) "\02secret")
  (func (export "look")
    (drop (call $arg_read (i32.const 0) (i32.const 1) (i32.const 80) (i32.const 4)))
    (i32.store (i32.const 84) (call $object_read (i32.load (i32.const 80)) (i64.const 0) (i32.const 96) (i32.const 6)))
    (drop (call $result_plain (i32.const 0) (i32.const 84) (i32.const 4))))
  (func (export "run")
    (i32.store (i32.const 57) (call $put (i32.const 64) (i32.const 7) (i32.const 0) (i32.const 0)))
    (drop (call $spawn (i32.const 32) (i32.const 29) (i32.const 88) (i32.const 1)))
    (drop (call $get (i32.const 88) (i32.const 1) (i64.const -1)))
    (drop (call $object_read (i32.load (i32.const 88)) (i64.const 1) (i32.const 92) (i32.const 4)))
    ;; 11: no handle. 4: six bytes were read.
    (call $proc_exit (i32.sub (i32.const 10) (i32.load (i32.const 92)))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"look\",\"export\":\"look\",\"params\":[{\"name\":\"n\"}]}\n"))
