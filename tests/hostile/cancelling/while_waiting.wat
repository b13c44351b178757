;; Waits for a task that another task cancels at that moment, a hundred times; the last one is cancelled by nobody.
;; timeout-ms: 1500
;; must: fails "WR0106" "1.5s"
;; without wall-time: runs-on
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "cancel" (func $cancel (param i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wrun" "arg_refs" (func $arg_refs (param i32 i32 i32) (result i32)))
  (import "wrun" "sleep" (func $sleep (param i64)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00" "\00\00\00\00" "\03\00nap" "\00\00" "\00\00")
  (data (i32.const 32) "\00" "\00\00\00\00" "\04\00kill" "\00\00" "\01\00"
    "\00" "\02\00\00\00" "\01\00\00\00" "\00\00" "\00\00\00\00")
  (func (export "nap") (call $sleep (i64.const 0x7fffffffffffffff)))
  (func (export "kill")
    (drop (call $arg_refs (i32.const 0) (i32.const 128) (i32.const 1)))
    (drop (call $cancel (i32.load (i32.const 128)) (i32.const 0))))
  (func (export "run") (local $n i32)
    (loop $again
      (drop (call $spawn (i32.const 0) (i32.const 14) (i32.const 58) (i32.const 1)))
      (drop (call $spawn (i32.const 32) (i32.const 30) (i32.const 96) (i32.const 1)))
      ;; It failed, of having been cancelled.
      (if (i32.ne (call $get (i32.const 58) (i32.const 1) (i64.const -1)) (i32.const -3)) (then (unreachable)))
      (br_if $again (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 100))))
    (drop (call $spawn (i32.const 0) (i32.const 14) (i32.const 58) (i32.const 1)))
    (drop (call $get (i32.const 58) (i32.const 1) (i64.const -1))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"nap\",\"export\":\"nap\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"kill\",\"export\":\"kill\",\"params\":[{\"name\":\"x\"}]}\n"))
