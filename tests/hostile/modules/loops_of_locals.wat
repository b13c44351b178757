;; A small module of loops in loops that set a hundred locals each: it takes gigabytes and many seconds to compile.
;; limits: compile_seconds=1
;; must: fails "compiling its function" "steps"
;; without compile-effort: fails "s to compile, and tenant"
(module
  (memory (export "memory") 1)
  (func (export "_start")
    (local i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64)
;;* 3000 loop local.get 0 local.get 1 local.set 0 local.set 2 local.get 3 local.set 4 local.get 5 local.set 6 local.get 7 local.set 8
;;* 3000 end
  ))
