;; Reads a file of 240 MiB, all of which is a hole, into a buffer that is as large, at once.
;; tenant: files
;; must: exits 1
;; without transfer-size: grows 300
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_filestat_set_size" (func $set_size (param i32 i64) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $unlink (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 3842)
  (data (i32.const 64) "hole")
  ;; A vector: 240 MiB from 65,536 on.
  (data (i32.const 16) "\00\00\01\00\00\00\00\0f")
  (func (export "_start")
    (if (call $path_open (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 4)
        (i32.const 9) (i64.const 0x600042) (i64.const 0) (i32.const 0) (i32.const 32))
      (then (unreachable)))
    (if (call $set_size (i32.load (i32.const 32)) (i64.const 0xf000000)) (then (unreachable)))
    (drop (call $unlink (i32.const 3) (i32.const 64) (i32.const 4)))
    (if (call $fd_read (i32.load (i32.const 32)) (i32.const 16) (i32.const 1) (i32.const 40)) (then (unreachable)))
    ;; The megabytes that were read.
    (call $proc_exit (i32.shr_u (i32.load (i32.const 40)) (i32.const 20)))))
