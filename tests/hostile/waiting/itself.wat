;; A method of an actor calls another method of the same actor and waits for it: that one waits for the first.
;; timeout-ms: 500
;; must: fails "WR0106" "500ms"
;; without wall-time: runs-on
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wrun" "actor_self" (func $actor_self (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\01" "\00\00\00\00" "\04\00Loop" "\00\00" "\00\00")
  (data (i32.const 32) "\02" "\00\00\00\00" "\04\00wait" "\00\00" "\00\00")
  (func $call_and_wait
    (drop (call $spawn (i32.const 32) (i32.const 15) (i32.const 64) (i32.const 1)))
    (drop (call $get (i32.const 64) (i32.const 1) (i64.const -1))))
  (func (export "new"))
  (func (export "wait")
    (i32.store (i32.const 33) (call $actor_self))
    (call $call_and_wait))
  (func (export "run")
    (drop (call $spawn (i32.const 0) (i32.const 15) (i32.const 33) (i32.const 1)))
    (call $call_and_wait))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"constructor\",\"name\":\"Loop\",\"export\":\"new\"}\n"
    "{\"abi\":1,\"kind\":\"method\",\"name\":\"Loop.wait\",\"export\":\"wait\"}\n"))
