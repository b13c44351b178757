;; Has two gigabytes of memory from the start, twice what a sandbox may have here, and fills all of it in one instruction.
;; must: fails "WR0109" "starts with 2048 MiB of memory and the limit is 1024 MiB"
;; without memory-limit,sandbox-bytes: grows 1000
(module
  (memory (export "memory") 0x8000)
  (func (export "_start")
    (memory.fill (i32.const 0) (i32.const 1) (i32.const 0x80000000))))
