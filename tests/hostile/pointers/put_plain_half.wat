;; Stores 2 GiB of plain data, which begin inside of the memory and end outside of it.
;; must: fails "WR0103" "`put_plain` was given 2147483646 bytes at 0x8000" "outside of the guest's memory"
;; without pointer-range,object-bytes: panics
(module
  (import "wrun" "put_plain" (func $put_plain (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (call $proc_exit (i32.add (i32.const 10)
      (i32.sub (i32.const 0) (call $put_plain (i32.const 0x8000) (i32.const 0x7ffffffe)))))))
