;; An actor loops for ever in a method whose time is half a second: the call ends, and the actor with it.
;; must: exits 3
;; without wall-time: runs-on
;; without interrupts: runs-on
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\01" "\00\00\00\00" "\04\00Loop" "\00\00" "\00\00")
  (data (i32.const 64) "\02" "\00\00\00\00" "\07\00forever" "\00\00" "\00\00")
  (func (export "new"))
  (func (export "forever") (loop (br 0)))
  (func (export "run")
    (drop (call $spawn (i32.const 0) (i32.const 15) (i32.const 65) (i32.const 1)))
    (drop (call $spawn (i32.const 64) (i32.const 18) (i32.const 96) (i32.const 1)))
    ;; The status without its sign: 3 for FAILED.
    (call $proc_exit (i32.sub (i32.const 0)
      (call $get (i32.const 96) (i32.const 1) (i64.const -1)))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"constructor\",\"name\":\"Loop\",\"export\":\"new\"}\n"
    "{\"abi\":1,\"kind\":\"method\",\"name\":\"Loop.forever\",\"export\":\"forever\",\"options\":{\"timeout\":0.5}}\n"))
