;; Kills an actor by the number of another one that it gave back, and calls it then.
;; must: exits 10
;; without handle-generation: exits 13
(module
  (import "wrun" "release" (func $release (param i32 i32) (result i32)))
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "actor_stop" (func $actor_stop (param i32 i32) (result i32)))
  (import "wrun" "result_write" (func $result_write (param i32 i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\01" "\00\00\00\00" "\04\00Safe" "\00\00" "\00\00")
  (data (i32.const 32) "\02" "\00\00\00\00" "\04\00open" "\00\00" "\00\00")
  (func (export "new"))
  (func (export "open")
    (drop (call $result_write (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 0) (i32.const 0))))
  (func (export "run")
    (drop (call $spawn (i32.const 0) (i32.const 15) (i32.const 80) (i32.const 1)))
    (drop (call $release (i32.const 80) (i32.const 1)))
    (drop (call $spawn (i32.const 0) (i32.const 15) (i32.const 33) (i32.const 1)))
    (drop (call $actor_stop (i32.load (i32.const 80)) (i32.const 0)))
    (drop (call $spawn (i32.const 32) (i32.const 15) (i32.const 84) (i32.const 1)))
    ;; 10: the other one lives and answers. 13: its call failed.
    (call $proc_exit (i32.sub (i32.const 10) (call $get (i32.const 84) (i32.const 1) (i64.const -1)))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"constructor\",\"name\":\"Safe\",\"export\":\"new\"}\n"
    "{\"abi\":1,\"kind\":\"method\",\"name\":\"Safe.open\",\"export\":\"open\"}\n"))
