;; Opens the same file again and again, and closes none.
;; tenant: files
;; must: exits 33
;; without open-files: opens 3000
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (import "wrun" "sleep" (func $sleep (param i64)))
  (memory (export "memory") 1)
  (data (i32.const 64) "own")
  (func (export "_start") (local $errno i32) (local $n i32)
    (loop $more
      (local.set $errno (call $path_open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 3)
        (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 32)))
      (if (local.get $errno) (then (call $proc_exit (local.get $errno))))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $more (i32.lt_u (local.get $n) (i32.const 4000))))
    (call $sleep (i64.const 300000000))))
