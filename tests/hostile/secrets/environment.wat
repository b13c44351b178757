;; Looks into its environment variables and its first 16 descriptors for anything that belongs to the host: there is
;; nothing but the two directories that it was granted. Of one of these it takes more than was granted.
;; tenant: files
;; must: exits 73
;; without read-only: exits 10
(module
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $fd_prestat_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "file")
  (func (export "_start") (local $fd i32) (local $dirs i32)
    (drop (call $environ_sizes_get (i32.const 0) (i32.const 4)))
    (if (i32.load (i32.const 0)) (then (call $proc_exit (i32.const 7))))
    (loop $next
      (if (i32.eqz (call $fd_prestat_get (local.get $fd) (i32.const 8)))
        (then (local.set $dirs (i32.add (local.get $dirs) (i32.const 1)))))
      (br_if $next (i32.lt_u (local.tee $fd (i32.add (local.get $fd) (i32.const 1))) (i32.const 16))))
    (if (i32.ne (local.get $dirs) (i32.const 2)) (then (call $proc_exit (i32.const 8))))
    (call $proc_exit (i32.add (i32.const 10) (call $path_open (i32.const 4) (i32.const 0)
      (i32.const 64) (i32.const 4) (i32.const 0) (i64.const 0x40) (i64.const 0) (i32.const 0) (i32.const 32))))))
