;; Looks for its own actor by its name again and again, and keeps each handle that it gets.
;; limits: handles=10000
;; must: exits 6
;; without handles: holds handles 200000
(module
  (import "wrun" "actor_get" (func $actor_get (param i32 i32) (result i32)))
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  ;; An actor of the name `me`.
  (data (i32.const 0) "\01" "\00\00\00\00" "\03\00One" "\04\00" "\05\02me" "\00\00")
  (func (export "new"))
  (func (export "run") (local $handle i32) (local $n i32)
    (drop (call $spawn (i32.const 0) (i32.const 18) (i32.const 64) (i32.const 1)))
    (loop $more
      (local.set $handle (call $actor_get (i32.const 14) (i32.const 2)))
      (if (i32.lt_s (local.get $handle) (i32.const 0))
        (then (call $proc_exit (i32.sub (i32.const 0) (local.get $handle)))))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $n) (i32.const 1000000)))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"constructor\",\"name\":\"One\",\"export\":\"new\"}\n"))
