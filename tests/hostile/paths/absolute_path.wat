;; Opens absolute paths: the host's root, its list of users, and the path under which a directory was granted.
;; tenant: files
;; must: exits 63
;; without none: natively link
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "/etc/passwd")
  (data (i32.const 96) "/free/own")
  (global $first (mut i32) (i32.const 0))
  (func $open (param $at i32) (param $len i32) (param $flags i32)
    (local $errno i32)
    (local.set $errno (call $path_open (i32.const 3) (i32.const 1) (local.get $at) (local.get $len)
      (local.get $flags) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 32)))
    (if (i32.eqz (local.get $errno)) (then (call $proc_exit (i32.const 0))))
    (global.set $first (local.get $errno)))
  (func (export "_start")
    (call $open (i32.const 64) (i32.const 1) (i32.const 2))
    (call $open (i32.const 64) (i32.const 11) (i32.const 0))
    (call $open (i32.const 96) (i32.const 9) (i32.const 0))
    (call $proc_exit (global.get $first))))
