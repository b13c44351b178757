;; Loops in as many tasks as there are slots, so that a neighbour gets none before its time is over.
;; timeout-ms: 30000
;; must: fails "WR0106" "took longer"
;; without own-slots: starves
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0)
  ;;* 8 "\00" "\00\00\00\00" "\07\00forever" "\00\00" "\00\00"
  )
  (func (export "forever") (loop (br 0)))
  (func (export "run")
    (drop (call $spawn (i32.const 0) (i32.const 144) (i32.const 256) (i32.const 8)))
    (drop (call $get (i32.const 256) (i32.const 8) (i64.const -1))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"forever\",\"export\":\"forever\"}\n"))
