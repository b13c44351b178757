;; Reads a file outside by names with slashes and dots at their end: through a link to a directory, and behind a link that
;; climbs out.
;; tenant: files
;; must: exits 63
;; without none: natively absolute/secret
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00\04\00\00" "\64\00\00\00")
  (data (i32.const 64) "absolute/secret/")
  (data (i32.const 96) "absolute/secret/.")
  (data (i32.const 128) "absolute/.//secret//")
  (data (i32.const 160) "winding/./secret/")
  (func $read (param $at i32) (param $len i32) (result i32) (local $errno i32)
    (local.set $errno (call $path_open (i32.const 3) (i32.const 1) (local.get $at) (local.get $len)
      (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 32)))
    (if (i32.eqz (local.get $errno))
      (then (return (call $fd_read (i32.load (i32.const 32)) (i32.const 0) (i32.const 1) (i32.const 36)))))
    (local.get $errno))
  (func (export "_start") (local $all i32)
    (local.set $all (call $read (i32.const 64) (i32.const 16)))
    (if (i32.ne (local.get $all) (call $read (i32.const 96) (i32.const 17))) (then (call $proc_exit (i32.const 1))))
    (if (i32.ne (local.get $all) (call $read (i32.const 128) (i32.const 20))) (then (call $proc_exit (i32.const 2))))
    (if (i32.ne (local.get $all) (call $read (i32.const 160) (i32.const 17))) (then (call $proc_exit (i32.const 3))))
    (call $proc_exit (local.get $all))))
