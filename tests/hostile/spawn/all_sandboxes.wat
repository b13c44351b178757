;; A chain of tasks that wait for each other takes every sandbox of the host, and its end takes each that comes free: a
;; neighbour must get one all the same.
;; timeout-ms: 15000
;; must: fails "WR0106"
;; without sandboxes: holds sandboxes 8000
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wrun" "release" (func $release (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00" "\00\00\00\00" "\04\00next" "\00\00" "\00\00")
  (func $down (export "next")
    (loop $again
      (drop (call $spawn (i32.const 0) (i32.const 15) (i32.const 64) (i32.const 1)))
      (drop (call $get (i32.const 64) (i32.const 1) (i64.const -1)))
      (drop (call $release (i32.const 64) (i32.const 1)))
      (br $again)))
  (func (export "run") (call $down))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"next\",\"export\":\"next\",\"options\":{\"max_retries\":0}}\n"))
