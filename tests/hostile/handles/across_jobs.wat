;; A job's detached actor tells the number of an object that it holds to another job of its tenant, of the same module,
;; which reads by that.
;; tenant: good
;; before: keep
;; must: exits 11
;; without own-handles: exits 4
;; leaves: the tenant is the neighbour itself, which keeps an actor
(module
  (import "wrun" "put" (func $put (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "actor_get" (func $actor_get (param i32 i32) (result i32)))
  (import "wrun" "actor_stop" (func $actor_stop (param i32 i32) (result i32)))
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wrun" "result_plain" (func $result_plain (param i32 i32 i32) (result i32)))
  (import "wrun" "object_read" (func $object_read (param i32 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  ;; Vault(), named and detached; vault.tell() with its handle at 65.
  (data (i32.const 0) "\01" "\00\00\00\00" "\05\00Vault" "\0b\00" "\05\06locker" "\07\01\01" "\00\00")
  (data (i32.const 64) "\02" "\00\00\00\00" "\04\00tell" "\00\00" "\00\00")
  (data (i32.const 128) "\02secret")
  (func (export "new") (local $i i32)
    ;; The hundredth, since the other job has handles with the first numbers.
    (loop $more
      (i32.store (i32.const 96) (call $put (i32.const 128) (i32.const 7) (i32.const 0) (i32.const 0)))
      (br_if $more (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 100)))))
  (func (export "tell") (drop (call $result_plain (i32.const 0) (i32.const 96) (i32.const 4))))
  (func (export "run") (local $status i32)
    (drop (call $args_sizes_get (i32.const 112) (i32.const 116)))
    (if (i32.eq (i32.load (i32.const 112)) (i32.const 2))
      (then (drop (call $spawn (i32.const 0) (i32.const 27) (i32.const 65) (i32.const 1))))
      (else (i32.store (i32.const 65) (call $actor_get (i32.const 16) (i32.const 6)))))
    (drop (call $spawn (i32.const 64) (i32.const 15) (i32.const 120) (i32.const 1)))
    (if (call $get (i32.const 120) (i32.const 1) (i64.const -1)) (then (unreachable)))
    (if (i32.eq (i32.load (i32.const 112)) (i32.const 2)) (then (return)))
    (drop (call $object_read (i32.load (i32.const 120)) (i64.const 1) (i32.const 124) (i32.const 4)))
    (local.set $status (call $object_read (i32.load (i32.const 124)) (i64.const 0) (i32.const 160) (i32.const 6)))
    (drop (call $actor_stop (i32.load (i32.const 65)) (i32.const 0)))
    ;; 11: no handle. 4: six bytes were read.
    (call $proc_exit (i32.sub (i32.const 10) (local.get $status))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"constructor\",\"name\":\"Vault\",\"export\":\"new\"}\n"
    "{\"abi\":1,\"kind\":\"method\",\"name\":\"Vault.tell\",\"export\":\"tell\"}\n"))
