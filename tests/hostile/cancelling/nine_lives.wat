;; An actor that stops itself to be restarted in each of its lives, of which it has no end: its call is never answered.
;; timeout-ms: 1000
;; must: fails "WR0106" "1s"
;; without wall-time: runs-on
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wrun" "actor_self" (func $actor_self (result i32)))
  (import "wrun" "actor_stop" (func $actor_stop (param i32 i32) (result i32)))
  (import "wrun" "sleep" (func $sleep (param i64)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\01" "\00\00\00\00" "\03\00Cat" "\06\00" "\06\04\ff\ff\ff\ff" "\00\00")
  ;; cat.die(), which is tried again for ever, also after errors.
  (data (i32.const 32) "\02" "\00\00\00\00" "\03\00die" "\09\00" "\01\04\ff\ff\ff\ff" "\02\01\01" "\00\00")
  (func (export "new"))
  (func (export "die")
    (drop (call $actor_stop (call $actor_self) (i32.const 2)))
    (call $sleep (i64.const 1000000000)))
  (func (export "run")
    (drop (call $spawn (i32.const 0) (i32.const 20) (i32.const 33) (i32.const 1)))
    (drop (call $spawn (i32.const 32) (i32.const 23) (i32.const 64) (i32.const 1)))
    (drop (call $get (i32.const 64) (i32.const 1) (i64.const -1))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"constructor\",\"name\":\"Cat\",\"export\":\"new\"}\n"
    "{\"abi\":1,\"kind\":\"method\",\"name\":\"Cat.die\",\"export\":\"die\"}\n"))
