;; Registers an actor under a name that the neighbour's has: "it is taken" would tell that there is one.
;; must: exits 9
;; without actor-names: exits 19
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "actor_stop" (func $actor_stop (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\01" "\00\00\00\00" "\05\00Guess" "\0a\00" "\05\08treasure" "\00\00")
  (func (export "new"))
  (func (export "run") (local $status i32)
    (local.set $status (call $spawn (i32.const 0) (i32.const 26) (i32.const 64) (i32.const 1)))
    ;; 9: one handle. 19: it is there already.
    (call $proc_exit (i32.sub (i32.const 10) (local.get $status))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"constructor\",\"name\":\"Guess\",\"export\":\"new\"}\n"))
