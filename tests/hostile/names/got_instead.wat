;; Makes an actor under the name that the neighbour's has, or gets the one that has it: it must be its own.
;; must: exits 10
;; without actor-names: exits 15
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wrun" "actor_stop" (func $actor_stop (param i32 i32) (result i32)))
  (import "wrun" "result_write" (func $result_write (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  ;; Counter(), with the name, detached, or the one that has it; counter.own() with its handle at 65.
  (data (i32.const 0) "\01" "\00\00\00\00" "\07\00Counter" "\10\00" "\05\08treasure" "\07\01\01" "\09\01\01" "\00\00")
  (data (i32.const 64) "\02" "\00\00\00\00" "\03\00own" "\00\00" "\00\00")
  (func (export "new"))
  (func (export "own")
    (drop (call $result_write (i32.const 0) (i32.const 96) (i32.const 1) (i32.const 0) (i32.const 0))))
  (func (export "run") (local $status i32)
    (local.set $status (call $spawn (i32.const 0) (i32.const 34) (i32.const 65) (i32.const 1)))
    (if (i32.lt_s (local.get $status) (i32.const 0))
      (then (call $proc_exit (i32.sub (i32.const 20) (local.get $status)))))
    (drop (call $spawn (i32.const 64) (i32.const 14) (i32.const 112) (i32.const 1)))
    ;; 10: its own method was called. Otherwise: the other's has none of that name, or is of another module.
    (local.set $status (call $get (i32.const 112) (i32.const 1) (i64.const -1)))
    (drop (call $actor_stop (i32.load (i32.const 65)) (i32.const 0)))
    (call $proc_exit (select (i32.const 15) (i32.const 10) (local.get $status))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"constructor\",\"name\":\"Counter\",\"export\":\"new\"}\n"
    "{\"abi\":1,\"kind\":\"method\",\"name\":\"Counter.own\",\"export\":\"own\"}\n"))
