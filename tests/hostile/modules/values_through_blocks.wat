;; A hundred values that go through eight hundred blocks, in a module of five kilobytes: the compiler keeps each of them
;; for each block.
;; must: fails "compiling its function" "values passed into blocks and loops"
;; without compile-effort: grows 300
(module
  (memory (export "memory") 1)
  (type $t (func
;;* 100 (param i64)
;;* 100 (result i64)
  ))
  (func $pass (type $t)
;;* 100 (local.get {})
;;* 800 (if (type $t) (i32.const 1) (then) (else))
  )
  (func (export "_start")))
