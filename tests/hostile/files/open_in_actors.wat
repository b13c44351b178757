;; Forty actors open 900 files each: none has too many, and all together have more than their tenant may.
;; tenant: files
;; timeout-ms: 15000
;; must: finishes
;; without open-files: opens 10000
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wrun" "result_write" (func $result_write (param i32 i32 i32 i32 i32) (result i32)))
  (import "wrun" "sleep" (func $sleep (param i64)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0)
  ;;* 40 "\01" "\00\00\00\00" "\05\00Greed" "\00\00" "\00\00"
  )
  (data (i32.const 1024) "\02" "\00\00\00\00" "\03\00ask" "\00\00" "\00\00")
  (data (i32.const 1280) "own")
  (func (export "new") (local $n i32)
    (loop $more
      (drop (call $path_open (i32.const 3) (i32.const 0) (i32.const 1280) (i32.const 3)
        (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 1284)))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $n) (i32.const 900)))))
  (func (export "ask")
    (drop (call $result_write (i32.const 0) (i32.const 2000) (i32.const 1) (i32.const 0) (i32.const 0))))
  (func (export "run") (local $i i32)
    (drop (call $spawn (i32.const 0) (i32.const 640) (i32.const 3072) (i32.const 40)))
    (loop $more
      (i32.store (i32.const 1025) (i32.load (i32.add (i32.const 3072) (local.get $i))))
      (drop (call $spawn (i32.const 1024) (i32.const 14) (i32.add (i32.const 4096) (local.get $i)) (i32.const 1)))
      (local.set $i (i32.add (local.get $i) (i32.const 4)))
      (br_if $more (i32.lt_u (local.get $i) (i32.const 160))))
    (drop (call $get (i32.const 4096) (i32.const 40) (i64.const -1)))
    (call $sleep (i64.const 8000000000)))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"constructor\",\"name\":\"Greed\",\"export\":\"new\"}\n"
    "{\"abi\":1,\"kind\":\"method\",\"name\":\"Greed.ask\",\"export\":\"ask\"}\n"))
