;; A thousand tasks that all wait for one object, which never comes.
;; timeout-ms: 1000
;; must: fails "WR0106" "1s"
;; without wall-time: runs-on
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wrun" "arg_refs" (func $arg_refs (param i32 i32 i32) (result i32)))
  (import "wrun" "sleep" (func $sleep (param i64)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00" "\00\00\00\00" "\03\00nap" "\00\00" "\00\00")
  ;; wait(value), which refers to the object: its handle at 58.
  (data (i32.const 32) "\00" "\00\00\00\00" "\04\00wait" "\00\00" "\01\00"
    "\00" "\02\00\00\00" "\01\00\00\00" "\00\00" "\00\00\00\00")
  (func (export "nap") (call $sleep (i64.const 0x7fffffffffffffff)))
  (func (export "wait")
    (drop (call $arg_refs (i32.const 0) (i32.const 96) (i32.const 1)))
    (drop (call $get (i32.const 96) (i32.const 1) (i64.const -1))))
  (func (export "run") (local $at i32)
    (drop (call $spawn (i32.const 0) (i32.const 14) (i32.const 58) (i32.const 1)))
    (local.set $at (i32.const 128))
    (loop $more
      (drop (call $spawn (i32.const 32) (i32.const 30) (local.get $at) (i32.const 1)))
      (br_if $more (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4))) (i32.const 4128))))
    (drop (call $get (i32.const 128) (i32.const 1000) (i64.const -1))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"nap\",\"export\":\"nap\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"wait\",\"export\":\"wait\",\"params\":[{\"name\":\"x\"}]}\n"))
