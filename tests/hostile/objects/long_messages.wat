;; Sixty tasks fail with a message of eight megabytes each, and their errors are kept.
;; must: exits 1
;; without message-length: exits 2
;; without message-length: grows 400
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "wait" (func $wait (param i32 i32 i32 i32 i64 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wrun" "last_error" (func $last_error (param i32 i32) (result i32)))
  (import "wrun" "fail" (func $fail (param i32 i32 i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 130)
  (data (i32.const 0)
  ;;* 60 "\00" "\00\00\00\00" "\04\00long" "\00\00" "\00\00"
  )
  (func (export "long")
    (memory.fill (i32.const 0) (i32.const 120) (i32.const 8388608))
    (call $fail (i32.const 0) (i32.const 0) (i32.const 8388608)))
  (func (export "run")
    (drop (call $spawn (i32.const 0) (i32.const 900) (i32.const 1024) (i32.const 60)))
    (drop (call $wait (i32.const 1024) (i32.const 60) (i32.const 60) (i32.const 60) (i64.const -1) (i32.const 2048)))
    (drop (call $get (i32.const 1024) (i32.const 1) (i64.const -1)))
    ;; 2 if the first error takes more than a megabyte.
    (call $proc_exit (i32.add (i32.const 1)
      (i32.gt_u (call $last_error (i32.const 0) (i32.const 0)) (i32.const 1048576)))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"long\",\"export\":\"long\"}\n"))
