;; Waits for one object a million times at once, under one handle, for a nanosecond, again and again.
;; limits: cpu_seconds_per_job=1
;; must: fails "WR0110" "processor time"
;; without processor-time: runs-on
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wrun" "wait" (func $wait (param i32 i32 i32 i32 i64 i32) (result i32)))
  (import "wrun" "sleep" (func $sleep (param i64)))
  (memory (export "memory") 65)
  (data (i32.const 0) "\00" "\00\00\00\00" "\03\00nap" "\00\00" "\00\00")
  (func (export "nap") (call $sleep (i64.const 0x7fffffffffffffff)))
  (func (export "run") (local $at i32)
    (drop (call $spawn (i32.const 0) (i32.const 14) (i32.const 64) (i32.const 1)))
    (loop $fill
      (i32.store offset=64 (local.get $at) (i32.load (i32.const 64)))
      (br_if $fill (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4))) (i32.const 0x400000))))
    ;; Where each is marked, an object may be there but once.
    (if (i32.ne (i32.const -4) (call $wait (i32.const 64) (i32.const 1000) (i32.const 0) (i32.const 1000)
        (i64.const 0) (i32.const 16)))
      (then (unreachable)))
    (i32.store (i32.const 64) (i32.load (i32.const 4096)))
    (loop $again
      (drop (call $get (i32.const 64) (i32.const 0x100000) (i64.const 1)))
      (br $again)))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"nap\",\"export\":\"nap\"}\n"))
