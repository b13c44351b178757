;; Wants more to be ready than it waits for, then fewer than none, and at last all of what never is.
;; timeout-ms: 500
;; must: fails "WR0106" "500ms"
;; without wall-time: runs-on
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "wait" (func $wait (param i32 i32 i32 i32 i64 i32) (result i32)))
  (import "wrun" "sleep" (func $sleep (param i64)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00" "\00\00\00\00" "\03\00nap" "\00\00" "\00\00")
  (func $refused (param $status i32)
    (if (i32.ne (local.get $status) (i32.const -4)) (then (unreachable))))
  (func $wait_for (param $n i32) (param $min i32) (param $max i32) (result i32)
    (call $wait (i32.const 64) (local.get $n) (local.get $min) (local.get $max) (i64.const -1) (i32.const 96)))
  (func (export "nap") (call $sleep (i64.const 0x7fffffffffffffff)))
  (func (export "run")
    (drop (call $spawn (i32.const 0) (i32.const 14) (i32.const 64) (i32.const 1)))
    (call $refused (call $wait_for (i32.const 1) (i32.const 2) (i32.const 2)))
    (call $refused (call $wait_for (i32.const 1) (i32.const 0) (i32.const 2)))
    (call $refused (call $wait_for (i32.const 1) (i32.const 1) (i32.const 0)))
    (call $refused (call $wait_for (i32.const 1) (i32.const -1) (i32.const -1)))
    (call $refused (call $wait_for (i32.const 0) (i32.const 1) (i32.const 1)))
    (drop (call $wait_for (i32.const 1) (i32.const 1) (i32.const 1))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"nap\",\"export\":\"nap\"}\n"))
