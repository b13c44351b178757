;; Two tasks that start each other for ever, and wait for nothing.
;; limits: cpu_seconds_per_job=1
;; must: fails "WR0110" "processor time"
;; without processor-time: runs-on
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "sleep" (func $sleep (param i64)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00" "\00\00\00\00" "\04\00ping" "\00\00" "\00\00")
  (data (i32.const 64) "\00" "\00\00\00\00" "\04\00pong" "\00\00" "\00\00")
  (func $start (param $call i32)
    (drop (call $spawn (local.get $call) (i32.const 15) (i32.const 128) (i32.const 1))))
  (func (export "ping") (call $start (i32.const 64)))
  (func (export "pong") (call $start (i32.const 0)))
  (func (export "run")
    (call $start (i32.const 0))
    (call $sleep (i64.const 3600000000000)))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"ping\",\"export\":\"ping\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"pong\",\"export\":\"pong\"}\n"))
