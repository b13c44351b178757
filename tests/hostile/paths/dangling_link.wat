;; Makes a link that leads to a file outside which is not there yet, and makes that file by opening the link.
;; tenant: files
;; must: exits 63
;; without none: natively ../../outside/secret
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_symlink"
    (func $path_symlink (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $path_unlink_file (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "../../outside/made")
  (data (i32.const 96) "out")
  (func (export "_start") (local $errno i32)
    (drop (call $path_symlink (i32.const 64) (i32.const 18) (i32.const 3) (i32.const 96) (i32.const 3)))
    (local.set $errno (call $path_open (i32.const 3) (i32.const 1) (i32.const 96) (i32.const 3)
      (i32.const 1) (i64.const 0x40) (i64.const 0) (i32.const 0) (i32.const 32)))
    (drop (call $path_unlink_file (i32.const 3) (i32.const 96) (i32.const 3)))
    (call $proc_exit (local.get $errno))))
