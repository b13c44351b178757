;; Sixteen actors take 40 MiB each in their constructors, and keep them as long as they live.
;; limits: memory=134217728
;; must: exits 3
;; without sandbox-bytes: holds memory 500000000
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "result_write" (func $result_write (param i32 i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0)
  ;;* 16 "\01" "\00\00\00\00" "\05\00Greed" "\00\00" "\00\00"
  )
  (data (i32.const 512) "\02" "\00\00\00\00" "\03\00ask" "\00\00" "\00\00")
  (func (export "new")
    (if (i32.eq (memory.grow (i32.const 640)) (i32.const -1)) (then (unreachable)))
    (memory.fill (i32.const 65536) (i32.const 1) (i32.const 0x2800000)))
  (func (export "ask")
    (drop (call $result_write (i32.const 0) (i32.const 4) (i32.const 1) (i32.const 0) (i32.const 0))))
  (func (export "run") (local $i i32)
    (drop (call $spawn (i32.const 0) (i32.const 256) (i32.const 1024) (i32.const 16)))
    ;; One call to each, whose result tells that it was born.
    (loop $more
      (i32.store (i32.const 513) (i32.load (i32.add (i32.const 1024) (local.get $i))))
      (drop (call $spawn (i32.const 512) (i32.const 14) (i32.add (i32.const 2048) (local.get $i)) (i32.const 1)))
      (local.set $i (i32.add (local.get $i) (i32.const 4)))
      (br_if $more (i32.lt_u (local.get $i) (i32.const 64))))
    (call $proc_exit (i32.sub (i32.const 0)
      (call $get (i32.const 2048) (i32.const 16) (i64.const -1)))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"constructor\",\"name\":\"Greed\",\"export\":\"new\"}\n"
    "{\"abi\":1,\"kind\":\"method\",\"name\":\"Greed.ask\",\"export\":\"ask\"}\n"))
