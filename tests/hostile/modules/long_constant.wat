;; A global whose first value is a sum of a hundred and fifty thousand numbers: the compiler makes code for each.
;; A million of them are 3 MB, and take ten seconds and 900 MiB.
;; must: fails "compiling"
;; without compile-effort: grows 80
(module
  (memory (export "memory") 1)
  (global i32 (i32.const 0)
;;* 150000 i32.const 1 i32.add
  )
  (func (export "_start")))
