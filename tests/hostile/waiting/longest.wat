;; Gives the longest times that there are to all that waits: 2^63 - 1 nanoseconds to `get`, `wait` and `stream_next`, and
;; 2^64 - 1 to WASI's clock.
;; timeout-ms: 500
;; must: fails "WR0106" "500ms"
;; without wall-time: runs-on
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wrun" "wait" (func $wait (param i32 i32 i32 i32 i64 i32) (result i32)))
  (import "wrun" "stream_next" (func $stream_next (param i32 i64) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00" "\00\00\00\00" "\03\00nap" "\00\00" "\00\00")
  (data (i32.const 32) "\00" "\00\00\00\00" "\05\00items" "\00\00" "\00\00")
  (data (i32.const 272) "\01\00\00\00")
  (data (i32.const 280) "\ff\ff\ff\ff\ff\ff\ff\ff")
  (func $nap (export "nap")
    (drop (call $poll_oneoff (i32.const 256) (i32.const 320) (i32.const 1) (i32.const 360))))
  ;; One of them each, and the job waits for all.
  (func (export "items")
    (drop (call $spawn (i32.const 0) (i32.const 14) (i32.const 64) (i32.const 1)))
    (drop (call $wait (i32.const 64) (i32.const 1) (i32.const 1) (i32.const 1)
      (i64.const 0x7fffffffffffffff) (i32.const 96))))
  (func (export "run")
    (drop (call $spawn (i32.const 32) (i32.const 16) (i32.const 64) (i32.const 1)))
    (drop (call $stream_next (i32.load (i32.const 64)) (i64.const 0x7fffffffffffffff)))
    (drop (call $spawn (i32.const 0) (i32.const 14) (i32.const 64) (i32.const 1)))
    (drop (call $get (i32.const 64) (i32.const 1) (i64.const 0x7fffffffffffffff))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"nap\",\"export\":\"nap\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"items\",\"export\":\"items\",\"stream\":true}\n"))
