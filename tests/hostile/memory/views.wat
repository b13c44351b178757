;; Maps the same eight megabytes into its memory again and again, and gives none of it back.
;; limits: memory=67108864
;; must: exits 6
;; without memory-limit,sandbox-bytes,view-bytes: exits 11
(module
  (import "wrun" "put_plain" (func $put_plain (param i32 i32) (result i32)))
  (import "wrun" "view" (func $view (param i32 i64 i32) (result i64)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 129)
  (func (export "_start") (local $object i32) (local $at i64)
    (local.set $object (call $put_plain (i32.const 0) (i32.const 0x800000)))
    ;; The status without its sign: 6 for LIMIT, 11 for COPY, when there are as many views as one may have.
    (loop $more
      (local.set $at (call $view (local.get $object) (i64.const 0) (i32.const 0x800000)))
      (br_if $more (i64.gt_s (local.get $at) (i64.const 0))))
    (call $proc_exit (i32.wrap_i64 (i64.sub (i64.const 0) (local.get $at))))))
