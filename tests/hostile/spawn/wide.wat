;; Starts as many tasks as it can, a hundred at a time, much faster than they end.
;; limits: queued_tasks=1000
;; timeout-ms: 1500
;; must: fails "WR0106" "took longer"
;; without queued-calls: holds queued_tasks 20000
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "release" (func $release (param i32 i32) (result i32)))
  (import "wrun" "result_write" (func $result_write (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0)
  ;;* 100 "\00" "\00\00\00\00" "\04\00slow" "\00\00" "\00\00"
  )
  (func (export "slow") (local $n i32)
    (loop $more
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $n) (i32.const 10000000))))
    (drop (call $result_write (i32.const 0) (i32.const 4000) (i32.const 1) (i32.const 0) (i32.const 0))))
  (func (export "run")
    (loop $more
      (drop (call $spawn (i32.const 0) (i32.const 1500) (i32.const 2048) (i32.const 100)))
      (drop (call $release (i32.const 2048) (i32.const 100)))
      (br $more)))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"slow\",\"export\":\"slow\"}\n"))
