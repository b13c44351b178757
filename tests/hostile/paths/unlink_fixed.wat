;; Removes a file from a directory that was granted for reading.
;; tenant: files
;; must: exits 63
;; without read-only: spoils
(module
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $path_unlink_file (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "./file")
  (func (export "_start")
    ;; The file itself would be open for reading.
    (call $proc_exit (call $path_unlink_file (i32.const 4) (i32.const 64) (i32.const 6)))))
