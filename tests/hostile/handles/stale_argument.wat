;; Spawns a task whose argument is an object by the number of another one that is gone.
;; must: exits 11
;; without handle-generation: exits 9
(module
  (import "wrun" "put" (func $put (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "release" (func $release (param i32 i32) (result i32)))
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00a")
  ;; take(object): its handle is at 48.
  (data (i32.const 32) "\00" "\00\00\00\00" "\04\00take" "\00\00" "\01\00" "\01" "\00\00\00\00")
  (func $put_one (result i32) (call $put (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 0)))
  (func (export "take"))
  (func (export "run")
    (i32.store (i32.const 48) (call $put_one))
    (drop (call $release (i32.const 48) (i32.const 1)))
    (drop (call $put_one))
    (call $proc_exit (i32.sub (i32.const 10)
      (call $spawn (i32.const 32) (i32.const 20) (i32.const 64) (i32.const 1)))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"take\",\"export\":\"take\",\"params\":[{\"name\":\"x\"}]}\n"))
