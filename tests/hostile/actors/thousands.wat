;; Makes actor after actor, and keeps their handles.
;; limits: actors=50
;; must: exits 8
;; without actors: holds actors 1000
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "sleep" (func $sleep (param i64)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\01" "\00\00\00\00" "\03\00One" "\00\00" "\00\00")
  (func (export "new"))
  (func (export "run") (local $made i32) (local $n i32)
    (loop $more
      (local.set $made (call $spawn (i32.const 0) (i32.const 14) (i32.const 64) (i32.const 1)))
      ;; The status without its sign: 8, since room would never come.
      (if (i32.lt_s (local.get $made) (i32.const 0))
        (then (call $proc_exit (i32.sub (i32.const 0) (local.get $made)))))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $n) (i32.const 2000))))
    ;; They are all there for a moment.
    (call $sleep (i64.const 500000000)))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"constructor\",\"name\":\"One\",\"export\":\"new\"}\n"))
