;; Starts half a million tasks with one call of the host: all or none.
;; limits: queued_tasks=10000
;; must: exits 6
;; without queued-calls,queued-bytes: holds queued_tasks 200000
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "wrun" "result_write" (func $result_write (param i32 i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 200)
  (data (i32.const 0) "\00" "\00\00\00\00" "\05\00small" "\00\00" "\00\00")
  (func (export "small")
    (drop (call $result_write (i32.const 0) (i32.const 12000000) (i32.const 1) (i32.const 0) (i32.const 0))))
  (func (export "run") (local $i i32) (local $made i32)
    (loop $more
      (memory.copy (i32.mul (local.get $i) (i32.const 16)) (i32.const 0) (i32.const 16))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $i) (i32.const 500000))))
    (local.set $made (call $spawn (i32.const 0) (i32.const 8000000) (i32.const 8000000) (i32.const 500000)))
    ;; The status without its sign: 6 for LIMIT.
    (call $proc_exit (select (i32.const 0) (i32.sub (i32.const 0) (local.get $made))
      (i32.gt_s (local.get $made) (i32.const 0)))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"small\",\"export\":\"small\"}\n"))
