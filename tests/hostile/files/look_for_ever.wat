;; Asks for a file that is not there, for ever, in eight tasks at once.
;; tenant: files
;; timeout-ms: 1000
;; must: fails "WR0106" "took longer"
;; without wall-time: runs-on
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wasi_snapshot_preview1" "path_filestat_get"
    (func $path_filestat_get (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "sub/none")
  (data (i32.const 64)
  ;;* 8 "\00" "\00\00\00\00" "\04\00look" "\00\00" "\00\00"
  )
  (func (export "look")
    (loop $more
      (br_if $more (call $path_filestat_get (i32.const 3) (i32.const 1) (i32.const 0) (i32.const 8) (i32.const 512)))))
  (func (export "run")
    (drop (call $spawn (i32.const 64) (i32.const 120) (i32.const 256) (i32.const 8)))
    (drop (call $get (i32.const 256) (i32.const 8) (i64.const -1))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"look\",\"export\":\"look\",\"options\":{\"num_cpus\":0}}\n"))
