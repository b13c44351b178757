;; Forty-one thousand blocks, one in another, in a module of 120 kB: what they take to compile grows with their number's square.
;; limits: compile_seconds=1
;; must: fails "compiling its function" "steps"
;; without compile-effort: fails "s to compile, and tenant"
(module
  (memory (export "memory") 1)
  (func (export "_start")
;;* 41000 block
;;* 41000 end
  ))
