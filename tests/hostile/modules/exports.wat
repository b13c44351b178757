;; A function under 10,000 names, each of which the host would have to remember, in a module larger than it may be.
;; limits: module_bytes=65536
;; must: fails "65536 bytes of modules"
;; without module-size: holds module_bytes 100000
(module
  (memory (export "memory") 1)
  (func $one)
;;* 10000 (export "a name that is somewhat long and has the number {}" (func $one))
  (func (export "_start")))
