;; An actor that lives, and dies of each call: each call is tried again in its next life, without end.
;; limits: cpu_seconds_per_job=1
;; must: fails "WR0110" "processor time"
;; without processor-time: runs-on
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\01" "\00\00\00\00" "\06\00Phenix" "\00\00" "\00\00")
  (data (i32.const 64) "\02" "\00\00\00\00" "\03\00die" "\00\00" "\00\00")
  (func (export "new"))
  (func (export "die") (unreachable))
  (func (export "run")
    (drop (call $spawn (i32.const 0) (i32.const 17) (i32.const 65) (i32.const 1)))
    (drop (call $spawn (i32.const 64) (i32.const 14) (i32.const 96) (i32.const 1)))
    (drop (call $get (i32.const 96) (i32.const 1) (i64.const -1))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"constructor\",\"name\":\"Phenix\",\"export\":\"new\",\"options\":{\"max_restarts\":4294967295}}\n"
    "{\"abi\":1,\"kind\":\"method\",\"name\":\"Phenix.die\",\"export\":\"die\",\"options\":{\"max_retries\":4294967295,\"retry_errors\":true}}\n"))
