;; Twenty thousand functions, each of which has to be compiled, in more bytes than the tenant may store.
;; limits: module_bytes=65536
;; must: fails "65536 bytes of modules"
;; without module-size: holds module_bytes 200000
(module
  (memory (export "memory") 1)
;;* 20000 (func (result i64) (i64.mul (i64.const {}) (i64.add (i64.const {}) (i64.const 0x123456789abcdef))))
  (func (export "_start")))
