;; Each task takes 32 MiB, starts the next one and waits for it: each sandbox is within its limit, and all together are not.
;; limits: memory=134217728
;; must: fails "WR0109" "the tenant `nested-sandboxes` may hold 134217728 bytes of sandbox memory"
;; without sandbox-bytes: grows 500
(module
  (import "wrun" "arg_read" (func $arg_read (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wrun" "last_error" (func $last_error (param i32 i32) (result i32)))
  (import "wrun" "fail" (func $fail (param i32 i32 i32)))
  (memory (export "memory") 1)
  ;; next(0): the number is at 25.
  (data (i32.const 0) "\00" "\00\00\00\00" "\04\00next" "\00\00" "\01\00"
    "\00" "\02\00\00\00" "\00\00\00\00" "\00\00")
  (func $down
    (drop (call $spawn (i32.const 0) (i32.const 26) (i32.const 64) (i32.const 1)))
    (if (call $get (i32.const 64) (i32.const 1) (i64.const -1))
      ;; It passes on why.
      (then (call $fail (i32.const 4) (i32.const 128)
        (call $last_error (i32.const 128) (i32.const 32768))))))
  (func (export "next")
    (drop (call $arg_read (i32.const 0) (i32.const 1) (i32.const 25) (i32.const 1)))
    (if (i32.eq (memory.grow (i32.const 512)) (i32.const -1)) (then (unreachable)))
    (memory.fill (i32.const 65536) (i32.const 1) (i32.const 0x2000000))
    (i32.store8 (i32.const 25) (i32.add (i32.load8_u (i32.const 25)) (i32.const 1)))
    (if (i32.lt_u (i32.load8_u (i32.const 25)) (i32.const 24)) (then (call $down))))
  (func (export "run") (call $down))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"next\",\"export\":\"next\",\"params\":[{\"name\":\"n\"}],\"options\":{\"max_retries\":0}}\n"))
