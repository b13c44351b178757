;; Gets one actor by its name a hundred thousand times, as one that it would make if there were none, and keeps each
;; handle.
;; limits: handles=2000
;; must: exits 16
;; without handles: holds handles 50000
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\01" "\00\00\00\00" "\03\00One" "\09\00" "\05\04name" "\09\01\01" "\00\00")
  (func (export "new"))
  (func (export "run") (local $n i32) (local $status i32)
    (loop $next
      (local.set $status (call $spawn (i32.const 0) (i32.const 23) (i32.const 64) (i32.const 1)))
      ;; 16: a limit was reached.
      (if (i32.lt_s (local.get $status) (i32.const 0))
        (then (call $proc_exit (i32.sub (i32.const 10) (local.get $status)))))
      (br_if $next (i32.lt_u (local.tee $n (i32.add (local.get $n) (i32.const 1))) (i32.const 100000)))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"constructor\",\"name\":\"One\",\"export\":\"new\"}\n"))
