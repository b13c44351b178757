;; Lists the same directory from its beginning, again and again.
;; tenant: files
;; timeout-ms: 800
;; must: fails "WR0106" "took longer"
;; without wall-time: runs-on
(module
  (import "wasi_snapshot_preview1" "fd_readdir" (func $fd_readdir (param i32 i32 i32 i64 i32) (result i32)))
  (memory (export "memory") 2)
  (func (export "_start")
    (loop $more
      (if (call $fd_readdir (i32.const 3) (i32.const 0) (i32.const 65536) (i64.const 0) (i32.const 65536))
        (then (unreachable)))
      (br $more))))
