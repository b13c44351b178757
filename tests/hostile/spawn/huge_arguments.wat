;; Starts tasks with an argument of a megabyte each, which all wait for a task that never ends.
;; limits: queued_bytes=16777216
;; timeout-ms: 1500
;; must: fails "WR0106" "took longer"
;; without queued-bytes: holds queued_bytes 400000000
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "sleep" (func $sleep (param i64)))
  (memory (export "memory") 32)
  (data (i32.const 0) "\00" "\00\00\00\00" "\04\00wait" "\00\00" "\00\00")
  ;; take(an object, a value): 11 + 4 bytes, 5 of the object, 9 and a megabyte of the value.
  (data (i32.const 64) "\00" "\00\00\00\00" "\04\00take" "\00\00" "\02\00"
    "\01" "\00\00\00\00" "\00" "\00\00\10\00" "\00\00\00\00")
  (func (export "wait") (call $sleep (i64.const 3600000000000)))
  (func (export "take"))
  (func (export "run") (local $n i32)
    (drop (call $spawn (i32.const 0) (i32.const 15) (i32.const 80) (i32.const 1)))
    (loop $more
      (drop (call $spawn (i32.const 64) (i32.const 1048605) (i32.const 32) (i32.const 1)))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $n) (i32.const 600))))
    (call $sleep (i64.const 3600000000000)))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"wait\",\"export\":\"wait\",\"options\":{\"num_cpus\":0}}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"take\",\"export\":\"take\",\"params\":[{\"name\":\"a\"},{\"name\":\"b\"}]}\n"))
