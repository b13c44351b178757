;; A module of 100 MB, nearly all of it a custom section that nothing reads.
;; limits: module_bytes=1048576
;; custom-section: 104857600
;; must: fails "1048576 bytes of modules"
;; without module-size: holds module_bytes 100000000
(module
  (memory (export "memory") 1)
  (func (export "_start")))
