;; Twenty-two thousand blocks, one in another, each left by a table of branches: what they take to compile grows with the
;; square of their number.
;; must: fails "compiling its function" "88001 blocks and branches"
;; without compile-effort: grows 120
(module
  (memory (export "memory") 1)
  (func (export "_start")
    block
;;* 22000 block
;;* 22000 (br_table 0 1 0 1 (i32.load (i32.const {}))) end
    end))
