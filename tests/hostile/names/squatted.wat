;; Registers a detached actor under a name that the neighbour uses afterwards, for an actor of its own.
;; then: shared ["squatted"] => 1
;; must: finishes
;; leaves: a detached actor outlives its job
;; without actor-names: spoils
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wrun" "result_write" (func $result_write (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; Counter(), named and detached; counter.add() with its handle at 65.
  (data (i32.const 0) "\01" "\00\00\00\00" "\07\00Counter" "\0d\00" "\05\08squatted" "\07\01\01" "\00\00")
  (data (i32.const 64) "\02" "\00\00\00\00" "\03\00add" "\00\00" "\00\00")
  (data (i32.const 96) "\00\63")
  (func (export "new"))
  ;; It always says 99.
  (func (export "add")
    (drop (call $result_write (i32.const 0) (i32.const 96) (i32.const 2) (i32.const 0) (i32.const 0))))
  (func (export "run")
    (if (i32.ne (call $spawn (i32.const 0) (i32.const 31) (i32.const 65) (i32.const 1)) (i32.const 1))
      (then (unreachable)))
    (drop (call $spawn (i32.const 64) (i32.const 14) (i32.const 112) (i32.const 1)))
    (if (call $get (i32.const 112) (i32.const 1) (i64.const -1)) (then (unreachable))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"constructor\",\"name\":\"Counter\",\"export\":\"new\"}\n"
    "{\"abi\":1,\"kind\":\"method\",\"name\":\"Counter.add\",\"export\":\"add\"}\n"))
