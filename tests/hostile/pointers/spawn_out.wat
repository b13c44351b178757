;; Spawns a task and lets its handle be written behind the memory.
;; must: fails "WR0103" "`spawn` was given 4 bytes at 0xfffe" "memory of 65536 bytes"
;; without pointer-range: panics
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; A call: kind, actor, name, no options, no arguments.
  (data (i32.const 0) "\00" "\00\00\00\00" "\04\00task" "\00\00" "\00\00")
  (func (export "task"))
  (func (export "run")
    (drop (call $spawn (i32.const 0) (i32.const 15) (i32.const 0xfffe) (i32.const 1))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"task\",\"export\":\"task\"}\n"))
