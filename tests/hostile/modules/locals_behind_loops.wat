;; Two thousand locals that are used after nine hundred loops: the compiler looks through all of these for the value of
;; each of those.
;; must: fails "compiling its function" "900 loops, 2000 locals"
;; without compile-effort: grows 120
(module
  (memory (export "memory") 1)
  (func (export "_start")
    (local
;;* 2000 i64
    )
;;* 900 loop (br_if 0 (i32.load (i32.const 0))) end
;;* 2000 (i64.store (i32.const 0) (local.get {}))
  ))
