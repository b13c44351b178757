;; A table whose sixty thousand elements are given by expressions, for each of which the compiler makes code.
;; must: fails "compiling"
;; without compile-effort: grows 300
(module
  (memory (export "memory") 1)
  (table 60000 funcref)
  (func $f)
  (elem (i32.const 0) funcref
;;* 60000 (ref.func $f)
  )
  (func (export "_start")))
