;; A detached actor's constructor spawns a task that sleeps for ever; the actor is killed and the job ends: nothing is
;; left of them.
;; must: exits 10
;; without job-end: lingers
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wrun" "actor_stop" (func $actor_stop (param i32 i32) (result i32)))
  (import "wrun" "sleep" (func $sleep (param i64)))
  (import "wrun" "result_plain" (func $result_plain (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\01" "\00\00\00\00" "\05\00Vault" "\03\00" "\07\01\01" "\00\00")
  (data (i32.const 32) "\02" "\00\00\00\00" "\04\00tell" "\00\00" "\00\00")
  (data (i32.const 64) "\00" "\00\00\00\00" "\03\00nap" "\00\00" "\00\00")
  (func (export "nap") (call $sleep (i64.const 0x7fffffffffffffff)))
  (func (export "new") (drop (call $spawn (i32.const 64) (i32.const 14) (i32.const 96) (i32.const 1))))
  (func (export "tell") (drop (call $result_plain (i32.const 0) (i32.const 96) (i32.const 4))))
  (func (export "run")
    (drop (call $spawn (i32.const 0) (i32.const 19) (i32.const 33) (i32.const 1)))
    (drop (call $spawn (i32.const 32) (i32.const 15) (i32.const 120) (i32.const 1)))
    (if (call $get (i32.const 120) (i32.const 1) (i64.const -1)) (then (unreachable)))
    (drop (call $actor_stop (i32.load (i32.const 33)) (i32.const 0)))
    (call $sleep (i64.const 100000000))
    (call $proc_exit (i32.const 10)))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"nap\",\"export\":\"nap\"}\n"
    "{\"abi\":1,\"kind\":\"constructor\",\"name\":\"Vault\",\"export\":\"new\"}\n"
    "{\"abi\":1,\"kind\":\"method\",\"name\":\"Vault.tell\",\"export\":\"tell\"}\n"))
