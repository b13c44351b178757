;; Two tasks sleep for a year, and keep the slots that they hold: a neighbour must get one all the same.
;; timeout-ms: 30000
;; must: fails "WR0106" "the job took longer than its limit of 30s"
;; without own-slots: starves
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wrun" "sleep" (func $sleep (param i64)))
  (memory (export "memory") 1)
  (data (i32.const 0)
  ;;* 2 "\00" "\00\00\00\00" "\05\00sleep" "\00\00" "\00\00"
  )
  (func (export "sleep")
    (call $sleep (i64.const 31536000000000000)))
  (func (export "run")
    (drop (call $spawn (i32.const 0) (i32.const 32) (i32.const 64) (i32.const 2)))
    (drop (call $get (i32.const 64) (i32.const 2) (i64.const -1))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"sleep\",\"export\":\"sleep\"}\n"))
