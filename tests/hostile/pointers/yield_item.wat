;; A stream whose first item is good, and whose second is twice as long as its memory.
;; must: fails "WR0103" "`yield_write` was given 131072 bytes at 0x1" "outside of the guest's memory"
;; without pointer-range: panics
(module
  (import "wrun" "yield_write" (func $yield_write (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "stream_next" (func $stream_next (param i32 i64) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wrun" "last_error" (func $last_error (param i32 i32) (result i32)))
  (import "wrun" "fail" (func $fail (param i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00a")
  (data (i32.const 32) "\00" "\00\00\00\00" "\05\00items" "\00\00" "\00\00")
  (func (export "items")
    (drop (call $yield_write (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 0)))
    (drop (call $yield_write (i32.const 1) (i32.const 0x20000) (i32.const 0) (i32.const 0))))
  ;; Passes on the error that the stream ends with.
  (func (export "run")
    (drop (call $spawn (i32.const 32) (i32.const 16) (i32.const 64) (i32.const 1)))
    (loop $next
      (i32.store (i32.const 68) (call $stream_next (i32.load (i32.const 64)) (i64.const -1)))
      (if (i32.lt_s (i32.load (i32.const 68)) (i32.const 0)) (then (return)))
      (br_if $next (i32.eqz (call $get (i32.const 68) (i32.const 1) (i64.const -1)))))
    (call $fail (i32.const 4) (i32.const 1024) (call $last_error (i32.const 1024) (i32.const 8192))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"items\",\"export\":\"items\",\"stream\":true}\n"))
