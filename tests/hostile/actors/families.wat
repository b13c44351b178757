;; Each actor makes two more in its constructor, and keeps them.
;; limits: actors=50
;; timeout-ms: 1500
;; must: fails "WR0106" "took longer"
;; without actors: holds actors 1000
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "sleep" (func $sleep (param i64)))
  (memory (export "memory") 1)
  (data (i32.const 0)
  ;;* 2 "\01" "\00\00\00\00" "\04\00Kind" "\00\00" "\00\00"
  )
  (func $more (export "new")
    (drop (call $spawn (i32.const 0) (i32.const 30) (i32.const 64) (i32.const 2))))
  (func (export "run")
    (call $more)
    (call $sleep (i64.const 3600000000000)))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"constructor\",\"name\":\"Kind\",\"export\":\"new\"}\n"))
