;; A task streams for ever, and who holds the stream never reads it.
;; timeout-ms: 1000
;; must: fails "WR0106" "took longer"
;; without stream-room: holds object_bytes 50000000
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "yield_write" (func $yield_write (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "sleep" (func $sleep (param i64)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00" "\00\00\00\00" "\04\00flow" "\00\00" "\00\00")
  (func (export "flow")
    (loop $more
      (br_if $more (i32.eqz (call $yield_write (i32.const 1024) (i32.const 1024) (i32.const 0) (i32.const 0))))))
  (func (export "run")
    (drop (call $spawn (i32.const 0) (i32.const 15) (i32.const 64) (i32.const 1)))
    (call $sleep (i64.const 3600000000000)))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"flow\",\"export\":\"flow\",\"stream\":true}\n"))
