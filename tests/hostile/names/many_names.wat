;; Registers detached actors under one name after another, until it is refused: ten, and one from the reserve.
;; limits: actors=10
;; must: exits 11
;; leaves: detached actors outlive their job
;; without actors: holds actors 500
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "release" (func $release (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  ;; Squat(), detached, with a name of four bytes at 18.
  (data (i32.const 0) "\01" "\00\00\00\00" "\05\00Squat" "\09\00" "\05\04aaaa" "\07\01\01" "\00\00")
  (func (export "new"))
  (func (export "run") (local $n i32)
    (loop $next
      ;; The number as four letters.
      (i32.store (i32.const 16) (i32.add (i32.const 0x61616161)
        (i32.or (i32.and (local.get $n) (i32.const 15))
          (i32.or (i32.shl (i32.and (local.get $n) (i32.const 0xf0)) (i32.const 4))
                  (i32.shl (i32.and (local.get $n) (i32.const 0xf00)) (i32.const 8))))))
      (if (i32.lt_s (call $spawn (i32.const 0) (i32.const 25) (i32.const 64) (i32.const 1)) (i32.const 0))
        (then (call $proc_exit (local.get $n))))
      (drop (call $release (i32.const 64) (i32.const 1)))
      (br_if $next (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 4096)))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"constructor\",\"name\":\"Squat\",\"export\":\"new\"}\n"))
