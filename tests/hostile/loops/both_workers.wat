;; Loops in more tasks than there are workers. They need no slots, so that only turns can keep a worker for a neighbour.
;; timeout-ms: 1500
;; must: fails "WR0106" "took longer"
;; without interrupts: starves
;; without fair-share,wall-time: starves
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
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"forever\",\"export\":\"forever\",\"options\":{\"num_cpus\":0}}\n"))
