;; A segment of two hundred thousand functions that no table takes, in 200 kB: the compiler makes code for each of them.
;; With ten million it takes more memory than most machines have.
;; must: fails "compiling"
;; without compile-effort: grows 300
(module
  (memory (export "memory") 1)
  (table 1 funcref)
  (func $f)
  (elem func
;;* 200000 $f
  )
  (func (export "_start")))
