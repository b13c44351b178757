;; Ten thousand tasks fail with as long a message as is kept, and all the errors are held: they count as objects.
;; limits: object_bytes=4194304
;; timeout-ms: 20000
;; must: exits 1
;; without object-bytes: holds object_bytes 100000000
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "wait" (func $wait (param i32 i32 i32 i32 i64 i32) (result i32)))
  (import "wrun" "fail" (func $fail (param i32 i32 i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 5)
  (data (i32.const 0)
  ;;* 10000 "\00" "\00\00\00\00" "\04\00long" "\00\00" "\00\00"
  )
  (func (export "long")
    (memory.fill (i32.const 0) (i32.const 120) (i32.const 65536))
    (call $fail (i32.const 0) (i32.const 0) (i32.const 65536)))
  (func (export "run")
    (drop (call $spawn (i32.const 0) (i32.const 150000) (i32.const 150000) (i32.const 10000)))
    (drop (call $wait (i32.const 150000) (i32.const 10000) (i32.const 10000) (i32.const 10000) (i64.const -1) (i32.const 200000)))
    (call $proc_exit (i32.const 1)))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"long\",\"export\":\"long\"}\n"))
