;; A task asks for the references of its argument at a place that is not in its memory.
;; must: fails "WR0103" "`arg_refs` was given 4 bytes at 0x7ffffff0" "outside of the guest's memory"
;; without pointer-range: panics
(module
  (import "wrun" "arg_refs" (func $arg_refs (param i32 i32 i32) (result i32)))
  (import "wrun" "put" (func $put (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wrun" "last_error" (func $last_error (param i32 i32) (result i32)))
  (import "wrun" "fail" (func $fail (param i32 i32 i32)))
  (memory (export "memory") 1)
  ;; take(value), whose one reference is at 56.
  (data (i32.const 32) "\00" "\00\00\00\00" "\04\00take" "\00\00" "\01\00"
    "\00" "\02\00\00\00" "\01\00\00\00" "\00a" "\00\00\00\00")
  (func (export "take")
    (drop (call $arg_refs (i32.const 0) (i32.const 0x7ffffff0) (i32.const 1))))
  (func (export "run")
    (i32.store (i32.const 58) (call $put (i32.const 56) (i32.const 2) (i32.const 0) (i32.const 0)))
    (drop (call $spawn (i32.const 32) (i32.const 30) (i32.const 0) (i32.const 1)))
    (drop (call $get (i32.const 0) (i32.const 1) (i64.const -1)))
    (call $fail (i32.const 4) (i32.const 1024) (call $last_error (i32.const 1024) (i32.const 8192))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"take\",\"export\":\"take\",\"params\":[{\"name\":\"x\"}]}\n"))
