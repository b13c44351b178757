;; The neighbour has a detached actor under a name of 200 odd bytes: a zero, a path, a line's end, what turns the
;; writing around. The stranger, with the same module, looks for it; a longer name is none.
;; before: make
;; must: exits 5
;; without actor-names: exits 10
(module
  (import "wrun" "actor_get" (func $actor_get (param i32 i32) (result i32)))
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  ;; Odd(): the name's 200 bytes begin at 14.
  (data (i32.const 0) "\01" "\00\00\00\00" "\03\00Odd" "\cd\00" "\05\c8")
  (data (i32.const 14) "\00../good/treasure\0a\e2\80\ae\f0\9f\92\a3%s%n\1b[2J\22\27;--")
  (data (i32.const 214) "\07\01\01" "\00\00")
  (func (export "new"))
  (func (export "run") (local $found i32)
    (drop (call $args_sizes_get (i32.const 512) (i32.const 516)))
    (if (i32.eq (i32.load (i32.const 512)) (i32.const 2))
      (then
        (if (i32.ne (call $spawn (i32.const 0) (i32.const 219) (i32.const 520) (i32.const 1)) (i32.const 1))
          (then (call $proc_exit (i32.const 9))))
        (return)))
    ;; No name at all, and one of 201 bytes.
    (if (i32.gt_s (call $actor_get (i32.const 14) (i32.const 0)) (i32.const 0)) (then (call $proc_exit (i32.const 8))))
    (if (i32.ne (call $actor_get (i32.const 14) (i32.const 201)) (i32.const -4)) (then (call $proc_exit (i32.const 8))))
    (local.set $found (call $actor_get (i32.const 14) (i32.const 200)))
    (call $proc_exit (select (i32.const 10) (i32.sub (i32.const 0) (local.get $found))
      (i32.gt_s (local.get $found) (i32.const 0)))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"constructor\",\"name\":\"Odd\",\"export\":\"new\"}\n"))
