;; Stops an actor that is always restarted, in all modes in turn, while calls of it are pending; then makes another.
;; limits: cpu_seconds_per_job=1
;; must: fails "WR0110" "processor time"
;; without processor-time: runs-on
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "actor_stop" (func $actor_stop (param i32 i32) (result i32)))
  (import "wrun" "release" (func $release (param i32 i32) (result i32)))
  (import "wrun" "sleep" (func $sleep (param i64)))
  (memory (export "memory") 1)
  ;; Cat() with max_restarts for ever; cat.nap() with its handle at 33.
  (data (i32.const 0) "\01" "\00\00\00\00" "\03\00Cat" "\06\00" "\06\04\ff\ff\ff\ff" "\00\00")
  (data (i32.const 32) "\02" "\00\00\00\00" "\03\00nap" "\00\00" "\00\00")
  (func (export "new"))
  (func (export "nap") (call $sleep (i64.const 1000000)))
  (func (export "run") (local $n i32)
    (loop $next
      (drop (call $spawn (i32.const 0) (i32.const 20) (i32.const 33) (i32.const 1)))
      (local.set $n (i32.const 0))
      (loop $again
        (drop (call $spawn (i32.const 32) (i32.const 14) (i32.const 64) (i32.const 1)))
        (drop (call $release (i32.const 64) (i32.const 1)))
        ;; It is restarted 8 times, drained, and killed; 3 is no mode.
        (drop (call $actor_stop (i32.load (i32.const 33)) (i32.const 2)))
        (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 8))))
      (drop (call $actor_stop (i32.load (i32.const 33)) (i32.const 1)))
      (drop (call $actor_stop (i32.load (i32.const 33)) (i32.const 2)))
      (drop (call $actor_stop (i32.load (i32.const 33)) (i32.const 0)))
      (drop (call $actor_stop (i32.load (i32.const 33)) (i32.const 3)))
      (drop (call $release (i32.const 33) (i32.const 1)))
      (br $next)))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"constructor\",\"name\":\"Cat\",\"export\":\"new\"}\n"
    "{\"abi\":1,\"kind\":\"method\",\"name\":\"Cat.nap\",\"export\":\"nap\"}\n"))
