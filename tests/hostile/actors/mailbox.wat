;; Calls an actor that is busy for ever, again and again: the calls wait in its mailbox.
;; limits: queued_tasks=1000
;; timeout-ms: 1500
;; must: fails "WR0106" "took longer"
;; without queued-calls: holds queued_tasks 20000
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "release" (func $release (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\01" "\00\00\00\00" "\04\00Busy" "\00\00" "\00\00")
  (data (i32.const 64) "\02" "\00\00\00\00" "\03\00ask" "\00\00" "\00\00")
  (func (export "new"))
  (func (export "ask") (loop (br 0)))
  (func (export "run")
    (drop (call $spawn (i32.const 0) (i32.const 15) (i32.const 65) (i32.const 1)))
    (loop $more
      (drop (call $spawn (i32.const 64) (i32.const 14) (i32.const 96) (i32.const 1)))
      (drop (call $release (i32.const 96) (i32.const 1)))
      (br $more)))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"constructor\",\"name\":\"Busy\",\"export\":\"new\"}\n"
    "{\"abi\":1,\"kind\":\"method\",\"name\":\"Busy.ask\",\"export\":\"ask\"}\n"))
