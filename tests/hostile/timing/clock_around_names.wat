;; Takes the time of registering an actor and killing it, 101 times under a name that the neighbour's has and 101 times
;; under one that nobody's has, in turn: the middle times must not differ by more than three times.
;; must: exits 10
;; without actor-names: exits 110
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wrun" "actor_stop" (func $actor_stop (param i32 i32) (result i32)))
  (import "wrun" "release" (func $release (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  ;; Guess() under the one name at 0 and under the other at 32; guess.ping() at 64, with the actor's handle at 65.
  (data (i32.const 0) "\01" "\00\00\00\00" "\05\00Guess" "\0a\00" "\05\08treasure" "\00\00")
  (data (i32.const 32) "\01" "\00\00\00\00" "\05\00Guess" "\0a\00" "\05\08nonesuch" "\00\00")
  (data (i32.const 64) "\02" "\00\00\00\00" "\04\00ping" "\00\00" "\00\00")
  (func (export "new"))
  (func $now (result i64)
    (drop (call $clock_time_get (i32.const 1) (i64.const 1) (i32.const 96)))
    (i64.load (i32.const 96)))
  (func $time (param $call i32) (result i64) (local $start i64)
    (local.set $start (call $now))
    (if (i32.eq (call $spawn (local.get $call) (i32.const 26) (i32.const 65) (i32.const 1)) (i32.const 1))
      (then
        (drop (call $spawn (i32.const 64) (i32.const 15) (i32.const 88) (i32.const 1)))
        (drop (call $get (i32.const 88) (i32.const 1) (i64.const -1)))
        (drop (call $actor_stop (i32.load (i32.const 65)) (i32.const 0)))
        (drop (call $release (i32.const 65) (i32.const 1)))
        (drop (call $release (i32.const 88) (i32.const 1)))))
    (i64.sub (call $now) (local.get $start)))
  ;; The middle of the 101 times from `at` on: fifty at most are less, and fifty at most are more.
  (func $middle (param $at i32) (result i64) (local $i i32) (local $j i32) (local $less i32) (local $more i32)
    (local $one i64) (local $other i64)
    (loop $next
      (local.set $one (i64.load (i32.add (local.get $at) (i32.shl (local.get $i) (i32.const 3)))))
      (local.set $j (local.tee $less (local.tee $more (i32.const 0))))
      (loop $compare
        (local.set $other (i64.load (i32.add (local.get $at) (i32.shl (local.get $j) (i32.const 3)))))
        (local.set $less (i32.add (local.get $less) (i64.lt_u (local.get $other) (local.get $one))))
        (local.set $more (i32.add (local.get $more) (i64.gt_u (local.get $other) (local.get $one))))
        (br_if $compare (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 1))) (i32.const 101))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.or (i32.gt_u (local.get $less) (i32.const 50)) (i32.gt_u (local.get $more) (i32.const 50)))))
    (local.get $one))
  (func (export "run") (local $at i32) (local $known i64) (local $unknown i64)
    (local.set $at (i32.const 1024))
    (loop $again
      (i64.store (local.get $at) (call $time (i32.const 0)))
      (i64.store offset=1024 (local.get $at) (call $time (i32.const 32)))
      (br_if $again (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const 1832))))
    (local.set $known (call $middle (i32.const 1024)))
    (local.set $unknown (call $middle (i32.const 2048)))
    (call $proc_exit (select (i32.const 110) (i32.const 10) (i32.or
      (i64.gt_u (local.get $known) (i64.mul (local.get $unknown) (i64.const 3)))
      (i64.gt_u (local.get $unknown) (i64.mul (local.get $known) (i64.const 3)))))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"constructor\",\"name\":\"Guess\",\"export\":\"new\"}\n"
    "{\"abi\":1,\"kind\":\"method\",\"name\":\"Guess.ping\",\"export\":\"new\"}\n"))
