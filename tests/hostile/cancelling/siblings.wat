;; Tasks that get each other's results in their arguments, as references, and cancel these for as long as they live.
;; limits: cpu_seconds_per_job=1
;; must: fails "WR0110" "processor time"
;; without processor-time: runs-on
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "cancel" (func $cancel (param i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wrun" "arg_refs" (func $arg_refs (param i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ;; kill(value with two references, which are at 58): 34 bytes, or 26 without them.
  (data (i32.const 32) "\00" "\00\00\00\00" "\04\00kill" "\00\00" "\01\00"
    "\00" "\02\00\00\00" "\02\00\00\00" "\00\00" "\00\00\00\00" "\00\00\00\00")
  (func (export "kill") (local $n i32)
    (drop (call $arg_refs (i32.const 0) (i32.const 128) (i32.const 2)))
    (loop $again
      (drop (call $cancel (i32.load (i32.const 128)) (i32.const 0)))
      (drop (call $cancel (i32.load (i32.const 132)) (i32.const 1)))
      (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 1000)))))
  (func (export "run") (local $at i32)
    ;; Each cancels the two that were spawned before it; the first two have nothing to cancel.
    (loop $round
      (local.set $at (i32.const 256))
      (i32.store8 (i32.const 52) (i32.const 0))
      (drop (call $spawn (i32.const 32) (i32.const 26) (i32.const 58) (i32.const 1)))
      (drop (call $spawn (i32.const 32) (i32.const 26) (i32.const 62) (i32.const 1)))
      (i32.store8 (i32.const 52) (i32.const 2))
      (loop $more
        (drop (call $spawn (i32.const 32) (i32.const 34) (local.get $at) (i32.const 1)))
        (i32.store (i32.const 58) (i32.load (i32.const 62)))
        (i32.store (i32.const 62) (i32.load (local.get $at)))
        (br_if $more (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4))) (i32.const 512))))
      (drop (call $get (i32.const 256) (i32.const 64) (i64.const -1)))
      (br $round)))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"kill\",\"export\":\"kill\",\"params\":[{\"name\":\"x\"}]}\n"))
