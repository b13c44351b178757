;; Stores a value and releases it, for ever: it never holds more than one, so that no limit of objects is reached.
;; limits: cpu_seconds_per_job=1 object_bytes=65536 handles=64
;; must: fails "WR0110" "processor time"
;; without processor-time: runs-on
(module
  (import "wrun" "put" (func $put (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "release" (func $release (param i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (loop $more
      (i32.store (i32.const 8192)
        (call $put (i32.const 0) (i32.const 4096) (i32.const 0) (i32.const 0)))
      (drop (call $release (i32.const 8192) (i32.const 1)))
      (br $more))))
