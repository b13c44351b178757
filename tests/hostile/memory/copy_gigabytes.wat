;; Grows its memory to four gigabytes in one step and copies its lower half onto the upper one in one instruction.
;; must: exits 10
;; without memory-limit,sandbox-bytes: holds memory 4294967296
;; without memory-limit,sandbox-bytes: grows 500
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (if (i32.eq (memory.grow (i32.const 0xffff)) (i32.const -1))
      (then (call $proc_exit (i32.const 10))))
    (memory.copy (i32.const 0x80000000) (i32.const 0) (i32.const 0x80000000))
    (call $proc_exit (i32.const 11))))
