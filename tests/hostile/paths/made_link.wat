;; Makes links of its own that lead out, by a relative and by an absolute path, and opens them.
;; tenant: files
;; must: exits 63
;; without none: natively ../../outside/secret
(module
  (import "wasi_snapshot_preview1" "path_symlink"
    (func $path_symlink (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $path_unlink_file (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "../../outside/secret")
  (data (i32.const 96) "/etc/passwd")
  (data (i32.const 128) "way")
  (func (export "_start") (local $errno i32)
    ;; An absolute one is not even made.
    (if (i32.eqz (call $path_symlink (i32.const 96) (i32.const 11) (i32.const 3) (i32.const 128) (i32.const 3)))
      (then (call $proc_exit (i32.const 1))))
    (drop (call $path_symlink (i32.const 64) (i32.const 20) (i32.const 3) (i32.const 128) (i32.const 3)))
    (local.set $errno (call $path_open (i32.const 3) (i32.const 1) (i32.const 128) (i32.const 3)
      (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 32)))
    (drop (call $path_unlink_file (i32.const 3) (i32.const 128) (i32.const 3)))
    (call $proc_exit (local.get $errno))))
