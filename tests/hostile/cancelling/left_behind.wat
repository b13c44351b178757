;; Ends at once and leaves tasks behind, which wait until it is gone and take memory then.
;; must: finishes
;; without job-end: grows 16
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "sleep" (func $sleep (param i64)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00" "\00\00\00\00" "\04\00grow" "\00\00" "\00\00")
  (func (export "grow") (local $at i32)
    (call $sleep (i64.const 10000000))
    (local.set $at (i32.shl (memory.grow (i32.const 1024)) (i32.const 16)))
    (memory.fill (local.get $at) (i32.const 1) (i32.const 0x4000000))
    (call $sleep (i64.const 0x7fffffffffffffff)))
  (func (export "run")
    (drop (call $spawn (i32.const 0) (i32.const 15) (i32.const 32) (i32.const 1)))
    (drop (call $spawn (i32.const 0) (i32.const 15) (i32.const 32) (i32.const 1))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"grow\",\"export\":\"grow\"}\n"))
