;; Many tasks print to both streams at once, for as long as they may.
;; limits: log_bytes=65536
;; timeout-ms: 500
;; must: fails "WR0106" "took longer"
;; without log-tail: holds log_bytes 1000000
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\10\00\00\00\1a\00\00\00")
  (data (i32.const 16) "one of many that all talk\0a")
  (data (i32.const 1024)
  ;;* 50 "\00" "\00\00\00\00" "\04\00talk" "\00\00" "\00\00"
  )
  (func (export "talk")
    (loop $more
      (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
      (drop (call $fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))
      (br $more)))
  (func (export "run")
    (drop (call $spawn (i32.const 1024) (i32.const 750) (i32.const 4096) (i32.const 50)))
    (drop (call $get (i32.const 4096) (i32.const 50) (i64.const -1))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"talk\",\"export\":\"talk\",\"options\":{\"num_cpus\":0}}\n"))
