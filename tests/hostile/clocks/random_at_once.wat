;; Asks for 400 MiB of random bytes at once, which the host would make in a buffer of its own without a pause.
;; must: exits 28
;; without random-size: grows 600
(module
  (import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 6401)
  (func (export "_start")
    ;; 28 is EINVAL.
    (call $proc_exit (call $random_get (i32.const 0) (i32.const 0x19000000)))))
