;; Starts tasks whose results nobody ever looks at, and keeps their handles.
;; limits: object_bytes=4194304
;; timeout-ms: 1500
;; must: fails "WR0106" "took longer"
;; without object-bytes: holds object_bytes 20000000
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "result_write" (func $result_write (param i32 i32 i32 i32 i32) (result i32)))
  (import "wrun" "sleep" (func $sleep (param i64)))
  (memory (export "memory") 1)
  (data (i32.const 0)
  ;;* 100 "\00" "\00\00\00\00" "\04\00make" "\00\00" "\00\00"
  )
  ;; 4,000 bytes: too small to go to disk.
  (func (export "make")
    (drop (call $result_write (i32.const 0) (i32.const 0) (i32.const 4000) (i32.const 0) (i32.const 0))))
  (func (export "run") (local $n i32)
    (loop $more
      (drop (call $spawn (i32.const 0) (i32.const 1500) (i32.const 2048) (i32.const 100)))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $n) (i32.const 200))))
    (call $sleep (i64.const 3600000000000)))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"make\",\"export\":\"make\"}\n"))
