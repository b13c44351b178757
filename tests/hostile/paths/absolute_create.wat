;; Makes and truncates files by absolute paths: in the host's directory for temporary files, and under the name that the
;; directory granted for reading has here.
;; tenant: files
;; must: exits 63
;; without none: natively absolute/secret
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_create_directory"
    (func $path_create_directory (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "/tmp/made-by-a-stranger")
  (data (i32.const 96) "/fixed/file")
  ;; 1 is to make it if it is not there, 8 to truncate it; with rights to write.
  (func $open (param $at i32) (param $len i32) (param $flags i32) (result i32)
    (call $path_open (i32.const 3) (i32.const 1) (local.get $at) (local.get $len)
      (local.get $flags) (i64.const 0x40) (i64.const 0) (i32.const 0) (i32.const 32)))
  (func (export "_start") (local $all i32)
    (local.set $all (call $open (i32.const 64) (i32.const 23) (i32.const 1)))
    (if (i32.ne (local.get $all) (call $open (i32.const 96) (i32.const 11) (i32.const 8)))
      (then (call $proc_exit (i32.const 1))))
    (if (i32.ne (local.get $all) (call $open (i32.const 96) (i32.const 11) (i32.const 9)))
      (then (call $proc_exit (i32.const 2))))
    (if (i32.ne (local.get $all) (call $path_create_directory (i32.const 3) (i32.const 64) (i32.const 23)))
      (then (call $proc_exit (i32.const 3))))
    (call $proc_exit (local.get $all))))
