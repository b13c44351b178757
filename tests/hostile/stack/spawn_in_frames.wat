;; Recurses with `spawn` in each frame, so that in the end one has no stack left to decode and start calls.
;; must: fails "WR0103" "stack overflowed"
;; without host-stack: dies
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "release" (func $release (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00" "\00\00\00\00" "\04\00idle" "\00\00" "\00\00")
  (func $down (param $n i64) (result i64)
    (drop (call $spawn (i32.const 0) (i32.const 15) (i32.const 64) (i32.const 1)))
    (drop (call $release (i32.const 64) (i32.const 1)))
    (i64.add (call $down (i64.add (local.get $n) (i64.const 1))) (local.get $n)))
  (func (export "idle"))
  (func (export "run") (drop (call $down (i64.const 0))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"idle\",\"export\":\"idle\"}\n"))
