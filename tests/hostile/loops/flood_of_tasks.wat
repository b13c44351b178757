;; Starts task after task, each of which only takes a little time, so that there is always one more before the neighbour's.
;; limits: queued_tasks=2000
;; timeout-ms: 1500
;; must: fails "WR0106" "took longer"
;; without fair-share,wall-time: starves
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "release" (func $release (param i32 i32) (result i32)))
  (import "wrun" "result_write" (func $result_write (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0)
  ;;* 100 "\00" "\00\00\00\00" "\06\00little" "\00\00" "\00\00"
  )
  (func (export "little") (local $n i32)
    (loop $more
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $n) (i32.const 1000000))))
    (drop (call $result_write (i32.const 0) (i32.const 4000) (i32.const 1) (i32.const 0) (i32.const 0))))
  (func (export "run")
    (loop $more
      (drop (call $spawn (i32.const 0) (i32.const 1700) (i32.const 2048) (i32.const 100)))
      (drop (call $release (i32.const 2048) (i32.const 100)))
      (br $more)))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"little\",\"export\":\"little\"}\n"))
