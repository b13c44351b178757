;; Sets the times of a file that was granted for reading, so that it looks as if it were of 1970.
;; tenant: files
;; must: exits 63
;; without read-only: exits 0
(module
  (import "wasi_snapshot_preview1" "path_filestat_set_times"
    (func $set_times (param i32 i32 i32 i32 i64 i64 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "file")
  (func (export "_start")
    ;; Both times, as they are given.
    (call $proc_exit (call $set_times (i32.const 4) (i32.const 0) (i32.const 64) (i32.const 4)
      (i64.const 1) (i64.const 1) (i32.const 5)))))
