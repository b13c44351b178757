;; Names its memory for a task and a table for the constructor of an actor that is made again whenever it dies, and waits
;; for both.
;; must: fails "the export `memory`, which is `memory` and must be `() -> ()`"
;; without manifest-exports: runs-on
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (memory (export "memory") 1)
  (table (export "table") 4 funcref)
  (data (i32.const 0) "\00" "\00\00\00\00" "\08\00remember" "\00\00" "\00\00")
  (data (i32.const 32) "\01" "\00\00\00\00" "\05\00Table" "\00\00" "\00\00")
  (func (export "run")
    (drop (call $spawn (i32.const 32) (i32.const 16) (i32.const 64) (i32.const 1)))
    (drop (call $spawn (i32.const 0) (i32.const 19) (i32.const 68) (i32.const 1)))
    (drop (call $get (i32.const 68) (i32.const 1) (i64.const -1))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"remember\",\"export\":\"memory\",\"options\":{\"max_retries\":4294967295,\"retry_errors\":true}}\n"
    "{\"abi\":1,\"kind\":\"constructor\",\"name\":\"Table\",\"export\":\"table\",\"options\":{\"max_restarts\":4294967295}}\n"))
