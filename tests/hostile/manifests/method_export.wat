;; A class whose constructor is there and whose method's export returns a number that nobody takes.
;; must: fails "the export `get`, which is `() -> i64` and must be `() -> ()`"
;; without manifest-exports: finishes
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\01" "\00\00\00\00" "\05\00Class" "\00\00" "\00\00")
  (data (i32.const 32) "\02" "\00\00\00\00" "\03\00get" "\00\00" "\00\00")
  (func (export "new"))
  (func (export "get") (result i64) (i64.const -1))
  (func (export "run")
    (drop (call $spawn (i32.const 0) (i32.const 16) (i32.const 33) (i32.const 1)))
    (drop (call $spawn (i32.const 32) (i32.const 14) (i32.const 64) (i32.const 1)))
    (drop (call $get (i32.const 64) (i32.const 1) (i64.const -1))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"constructor\",\"name\":\"Class\",\"export\":\"new\"}\n"
    "{\"abi\":1,\"kind\":\"method\",\"name\":\"Class.get\",\"export\":\"get\"}\n"))
