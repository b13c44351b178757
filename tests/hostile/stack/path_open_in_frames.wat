;; Recurses with `path_open` in each frame, which goes through a deep host of its own to find that there is no such file.
;; tenant: files
;; must: fails "WR0103" "stack overflowed"
;; without host-stack: dies
(module
  (import "wasi_snapshot_preview1" "path_open"
    (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "sub/../sub/../sub/none")
  (func $down (param $n i64) (result i64)
    (drop (call $path_open (i32.const 3) (i32.const 1) (i32.const 64) (i32.const 22)
      (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 32)))
    (i64.add (call $down (i64.add (local.get $n) (i64.const 1))) (local.get $n)))
  (func (export "_start") (drop (call $down (i64.const 0)))))
