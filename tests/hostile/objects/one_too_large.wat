;; Stores one value of 200 MiB.
;; limits: object_bytes=16777216
;; must: exits 6
;; without object-bytes: holds object_bytes 200000000
(module
  (import "wrun" "put_plain" (func $put_plain (param i32 i32) (result i32)))
  (import "wrun" "sleep" (func $sleep (param i64)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 3201)
  (func (export "_start") (local $handle i32)
    (local.set $handle (call $put_plain (i32.const 0) (i32.const 209715200)))
    ;; The status without its sign: 6 for LIMIT.
    (if (i32.lt_s (local.get $handle) (i32.const 0))
      (then (call $proc_exit (i32.sub (i32.const 0) (local.get $handle)))))
    (call $sleep (i64.const 300000000))))
