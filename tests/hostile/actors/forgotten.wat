;; Makes detached actors, lets go of them and ends: nobody has a handle of them, and their job is over.
;; limits: actors=20
;; must: exits 8
;; without actors: holds actors 500
;; leaves: detached actors, as many as it may have
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "release" (func $release (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  ;; With the option 7: detached.
  (data (i32.const 0) "\01" "\00\00\00\00" "\04\00Left" "\03\00" "\07\01\01" "\00\00")
  (func (export "new"))
  (func (export "run") (local $made i32) (local $n i32)
    (loop $more
      (local.set $made (call $spawn (i32.const 0) (i32.const 18) (i32.const 64) (i32.const 1)))
      (if (i32.lt_s (local.get $made) (i32.const 0))
        (then (call $proc_exit (i32.sub (i32.const 0) (local.get $made)))))
      (drop (call $release (i32.const 64) (i32.const 1)))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $n) (i32.const 1000)))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"constructor\",\"name\":\"Left\",\"export\":\"new\"}\n"))
