;; Makes a detached actor under a name that is taken, again and again: each time there is the actor that has it.
;; limits: actors=10
;; timeout-ms: 500
;; must: fails "WR0106" "took longer"
;; without wall-time: runs-on
;; leaves: the one that has the name
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "release" (func $release (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; The options 7, detached; 5, its name; 9, the one that has it.
  (data (i32.const 0) "\01" "\00\00\00\00" "\03\00One" "\0b\00" "\07\01\01" "\05\03one" "\09\01\01" "\00\00")
  (func (export "new"))
  (func (export "run")
    (loop $more
      (drop (call $spawn (i32.const 0) (i32.const 25) (i32.const 64) (i32.const 1)))
      (drop (call $release (i32.const 64) (i32.const 1)))
      (br $more)))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"constructor\",\"name\":\"One\",\"export\":\"new\"}\n"))
