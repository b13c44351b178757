;; An actor that dies in its constructor and is to be made again without end, while somebody waits for it.
;; limits: cpu_seconds_per_job=1
;; must: fails "WR0110" "processor time"
;; without processor-time: runs-on
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\01" "\00\00\00\00" "\05\00Ghost" "\00\00" "\00\00")
  (data (i32.const 64) "\02" "\00\00\00\00" "\03\00ask" "\00\00" "\00\00")
  (func (export "new") (local $n i32)
    (loop $more
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $n) (i32.const 100000))))
    (unreachable))
  (func (export "ask"))
  (func (export "run")
    (drop (call $spawn (i32.const 0) (i32.const 16) (i32.const 65) (i32.const 1)))
    (drop (call $spawn (i32.const 64) (i32.const 14) (i32.const 96) (i32.const 1)))
    (drop (call $get (i32.const 96) (i32.const 1) (i64.const -1))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"constructor\",\"name\":\"Ghost\",\"export\":\"new\",\"options\":{\"max_restarts\":4294967295}}\n"
    "{\"abi\":1,\"kind\":\"method\",\"name\":\"Ghost.ask\",\"export\":\"ask\"}\n"))
