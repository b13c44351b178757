;; A manifest of more than a megabyte, of which nearly all is documentation.
;; must: fails "bytes, at most 1048576 are allowed"
;; without manifest-size: finishes
(module
  (memory (export "memory") 1)
  (func (export "run"))
  (@custom "wrun.manifest"
;;* 9000 "{\"abi\":1,\"kind\":\"task\",\"name\":\"t{}\",\"export\":\"run\",\"doc\":\"It is said at great length what this task does and why it does so, and nothing of it is true at all, so\"}\n"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"))
