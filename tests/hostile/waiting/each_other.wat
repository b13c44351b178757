;; Two actors, each of which waits for a method of the other; their job waits for both.
;; timeout-ms: 500
;; must: fails "WR0106" "500ms"
;; without wall-time: runs-on
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wrun" "arg_refs" (func $arg_refs (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\01" "\00\00\00\00" "\04\00Half" "\00\00" "\00\00")
  ;; half.wait(value with the two actors): the first handle at 33, its argument's from 58 on.
  (data (i32.const 32) "\02" "\00\00\00\00" "\04\00wait" "\00\00" "\01\00"
    "\00" "\02\00\00\00" "\02\00\00\00" "\00\00" "\00\00\00\00" "\00\00\00\00")
  (func $call_and_wait (param $to i32) (param $one i32) (param $other i32)
    (i32.store (i32.const 33) (local.get $to))
    (i32.store (i32.const 58) (local.get $one))
    (i32.store (i32.const 62) (local.get $other))
    (drop (call $spawn (i32.const 32) (i32.const 34) (i32.const 96) (i32.const 1)))
    (drop (call $get (i32.const 96) (i32.const 1) (i64.const -1))))
  (func (export "new"))
  (func (export "wait")
    (drop (call $arg_refs (i32.const 0) (i32.const 112) (i32.const 2)))
    ;; The second becomes the first.
    (call $call_and_wait (i32.load (i32.const 116)) (i32.load (i32.const 116)) (i32.load (i32.const 112))))
  (func (export "run")
    (drop (call $spawn (i32.const 0) (i32.const 15) (i32.const 112) (i32.const 1)))
    (drop (call $spawn (i32.const 0) (i32.const 15) (i32.const 116) (i32.const 1)))
    (call $call_and_wait (i32.load (i32.const 112)) (i32.load (i32.const 112)) (i32.load (i32.const 116))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"constructor\",\"name\":\"Half\",\"export\":\"new\"}\n"
    "{\"abi\":1,\"kind\":\"method\",\"name\":\"Half.wait\",\"export\":\"wait\",\"params\":[{\"name\":\"x\"}]}\n"))
