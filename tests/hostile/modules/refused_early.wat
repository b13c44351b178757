;; A module of 100 MB from a tenant that may have 1 MiB of modules: it is refused before it is read whole.
;; limits: module_bytes=1048576
;; custom-section: 104857600
;; must: fails "1048576 bytes of modules"
;; without module-size: grows 200
(module
  (memory (export "memory") 1)
  (func (export "_start")))
