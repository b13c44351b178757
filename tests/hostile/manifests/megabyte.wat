;; A manifest of nearly a megabyte: records with a documentation of 100 bytes each, more than its tenant may store.
;; limits: module_bytes=65536
;; must: fails "65536 bytes of modules"
;; without module-size: holds module_bytes 1000000
(module
  (memory (export "memory") 1)
  (func (export "run"))
  (@custom "wrun.manifest"
;;* 5400 "{\"abi\":1,\"kind\":\"task\",\"name\":\"t{}\",\"export\":\"run\",\"doc\":\"It is said at great length what this task does and why it does so, and nothing of it is true at all, so\"}\n"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"))
