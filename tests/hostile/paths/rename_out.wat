;; Renames its own file to a place outside, and a file outside to a name of its own.
;; tenant: files
;; must: exits 63
;; without none: natively absolute/secret
(module
  (import "wasi_snapshot_preview1" "path_rename"
    (func $path_rename (param i32 i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "own")
  (data (i32.const 80) "../../outside/made")
  (data (i32.const 112) "absolute/secret")
  (data (i32.const 144) "mine")
  (func (export "_start")
    (if (i32.eqz (call $path_rename (i32.const 3) (i32.const 64) (i32.const 3)
        (i32.const 3) (i32.const 80) (i32.const 18)))
      (then (call $proc_exit (i32.const 0))))
    (call $proc_exit (call $path_rename (i32.const 3) (i32.const 112) (i32.const 15)
      (i32.const 3) (i32.const 144) (i32.const 4)))))
