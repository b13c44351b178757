;; The neighbour's job leaves a detached actor that keeps a secret for its other jobs; the stranger's job, of the same
;; module, looks for it and asks.
;; before: keep
;; must: exits 5
;; without actor-names: exits 77
(module
  (import "wrun" "actor_get" (func $actor_get (param i32 i32) (result i32)))
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wrun" "result_plain" (func $result_plain (param i32 i32 i32) (result i32)))
  (import "wrun" "object_read" (func $object_read (param i32 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  ;; Vault(), named and detached; vault.tell() with its handle at 65.
  (data (i32.const 0) "\01" "\00\00\00\00" "\05\00Vault" "\0a\00" "\05\05vault" "\07\01\01" "\00\00")
  (data (i32.const 64) "\02" "\00\00\00\00" "\04\00tell" "\00\00" "\00\00")
  (data (i32.const 96) "\4d\00\00\00")
  (func (export "new"))
  (func (export "tell") (drop (call $result_plain (i32.const 0) (i32.const 96) (i32.const 4))))
  (func (export "run") (local $found i32)
    (drop (call $args_sizes_get (i32.const 112) (i32.const 116)))
    (local.set $found (call $actor_get (i32.const 16) (i32.const 5)))
    (if (i32.eq (i32.load (i32.const 112)) (i32.const 2))
      (then ;; The neighbour, which has an argument: makes it, and calls it once.
        (drop (call $spawn (i32.const 0) (i32.const 26) (i32.const 65) (i32.const 1))))
      (else
        (if (i32.lt_s (local.get $found) (i32.const 0))
          (then (call $proc_exit (i32.sub (i32.const 0) (local.get $found)))))
        (i32.store (i32.const 65) (local.get $found))))
    (drop (call $spawn (i32.const 64) (i32.const 15) (i32.const 120) (i32.const 1)))
    (if (call $get (i32.const 120) (i32.const 1) (i64.const -1)) (then (unreachable)))
    (if (i32.eq (i32.load (i32.const 112)) (i32.const 2)) (then (return)))
    (drop (call $object_read (i32.load (i32.const 120)) (i64.const 1) (i32.const 124) (i32.const 4)))
    (call $proc_exit (i32.load (i32.const 124))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"constructor\",\"name\":\"Vault\",\"export\":\"new\"}\n"
    "{\"abi\":1,\"kind\":\"method\",\"name\":\"Vault.tell\",\"export\":\"tell\"}\n"))
