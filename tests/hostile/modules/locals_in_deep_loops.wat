;; 220 loops, one in another, and in the innermost 275 locals that are set: the compiler takes
;; each through all loops.
;; limits: compile_seconds=3
;; must: fails "compiling its function"
;; without compile-effort: fails "s to compile, and tenant"
(module
  (memory (export "memory") 1)
  (func (export "_start")
    (local
;;* 275 i64
    )
;;* 220 loop
;;* 275 (local.set {} (i64.add (local.get {}) (i64.const 1)))
;;* 220 (br_if 0 (i64.eqz (local.get 0))) end
  ))
