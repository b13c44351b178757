;; Has a gigabyte and a half of memory from the start, and writes to half of it.
;; limits: memory=67108864
;; must: fails "WR0109" "starts with 1536 MiB of memory and the limit is 64 MiB"
;; without memory-limit,sandbox-bytes: grows 500
(module
  (memory (export "memory") 0x6000)
  (func (export "_start")
    (memory.fill (i32.const 0) (i32.const 1) (i32.const 0x30000000))))
