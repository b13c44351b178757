;; Makes a hard link to a file outside, by a path above and through a link, and would read it under its own name.
;; tenant: files
;; must: exits 63
;; without none: natively link
(module
  (import "wasi_snapshot_preview1" "path_link"
    (func $path_link (param i32 i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "../../outside/secret")
  (data (i32.const 96) "absolute/secret")
  (data (i32.const 128) "hard")
  (func (export "_start")
    (if (i32.eqz (call $path_link (i32.const 3) (i32.const 0) (i32.const 64) (i32.const 20)
        (i32.const 3) (i32.const 128) (i32.const 4)))
      (then (call $proc_exit (i32.const 0))))
    (call $proc_exit (call $path_link (i32.const 3) (i32.const 0) (i32.const 96) (i32.const 15)
      (i32.const 3) (i32.const 128) (i32.const 4)))))
