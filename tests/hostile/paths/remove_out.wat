;; Removes what is outside: the file, and the directory that holds it.
;; tenant: files
;; must: exits 63
;; without none: natively ../../outside/secret
(module
  (import "wasi_snapshot_preview1" "path_unlink_file" (func $path_unlink_file (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_remove_directory"
    (func $path_remove_directory (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "../../outside/secret")
  (data (i32.const 96) "absolute/secret")
  (func (export "_start")
    (if (i32.eqz (call $path_unlink_file (i32.const 3) (i32.const 96) (i32.const 15)))
      (then (call $proc_exit (i32.const 0))))
    (if (i32.eqz (call $path_remove_directory (i32.const 3) (i32.const 64) (i32.const 13)))
      (then (call $proc_exit (i32.const 0))))
    (call $proc_exit (call $path_unlink_file (i32.const 3) (i32.const 64) (i32.const 20)))))
