;; Thirty-two tasks each wait for one object a million times at once: what the host keeps for each of these.
;; limits: memory=268435456 queued_bytes=16777216
;; timeout-ms: 15000
;; must: finishes
;; without queued-bytes: grows 200
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wrun" "arg_refs" (func $arg_refs (param i32 i32 i32) (result i32)))
  (import "wrun" "sleep" (func $sleep (param i64)))
  (memory (export "memory") 66)
  (data (i32.const 0) "\00" "\00\00\00\00" "\03\00nap" "\00\00" "\00\00")
  (data (i32.const 32) "\00" "\00\00\00\00" "\04\00wait" "\00\00" "\01\00"
    "\00" "\02\00\00\00" "\01\00\00\00" "\00\00" "\00\00\00\00")
  (func (export "nap") (call $sleep (i64.const 0x7fffffffffffffff)))
  (func (export "wait") (local $at i32)
    (drop (call $arg_refs (i32.const 0) (i32.const 96) (i32.const 1)))
    (loop $fill
      (i32.store offset=0x1000 (local.get $at) (i32.load (i32.const 96)))
      (br_if $fill (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4))) (i32.const 0x400000))))
    (drop (call $get (i32.const 0x1000) (i32.const 0x100000) (i64.const -1))))
  (func (export "run") (local $at i32)
    (drop (call $spawn (i32.const 0) (i32.const 14) (i32.const 58) (i32.const 1)))
    (local.set $at (i32.const 128))
    (loop $more
      (drop (call $spawn (i32.const 32) (i32.const 30) (local.get $at) (i32.const 1)))
      (br_if $more (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 4))) (i32.const 256))))
    (drop (call $get (i32.const 128) (i32.const 32) (i64.const -1))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"nap\",\"export\":\"nap\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"wait\",\"export\":\"wait\",\"params\":[{\"name\":\"x\"}]}\n"))
