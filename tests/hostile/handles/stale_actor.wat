;; Calls a method of an actor by the number of another actor that it gave back.
;; must: exits 11
;; without handle-generation: exits 9
(module
  (import "wrun" "release" (func $release (param i32 i32) (result i32)))
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  ;; Safe(), and safe.open() with the actor's handle at 33.
  (data (i32.const 0) "\01" "\00\00\00\00" "\04\00Safe" "\00\00" "\00\00")
  (data (i32.const 32) "\02" "\00\00\00\00" "\04\00open" "\00\00" "\00\00")
  (func (export "new"))
  (func (export "open"))
  (func (export "run")
    (drop (call $spawn (i32.const 0) (i32.const 15) (i32.const 33) (i32.const 1)))
    (drop (call $release (i32.const 33) (i32.const 1)))
    (drop (call $spawn (i32.const 0) (i32.const 15) (i32.const 64) (i32.const 1)))
    (call $proc_exit (i32.sub (i32.const 10)
      (call $spawn (i32.const 32) (i32.const 15) (i32.const 64) (i32.const 1)))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"constructor\",\"name\":\"Safe\",\"export\":\"new\"}\n"
    "{\"abi\":1,\"kind\":\"method\",\"name\":\"Safe.open\",\"export\":\"open\"}\n"))
