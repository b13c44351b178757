;; A manifest of 10,001 records, which are no longer than a megabyte.
;; must: fails "more than 10000 records"
;; without manifest-size: finishes
(module
  (memory (export "memory") 1)
  (func (export "run"))
  (@custom "wrun.manifest"
;;* 10000 "{\"abi\":1,\"kind\":\"actor\",\"name\":\"a{}\"}\n"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"))
