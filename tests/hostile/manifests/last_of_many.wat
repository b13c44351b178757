;; Ten thousand records, as many as there may be, of which the last names an export that is not there.
;; task: last []
;; must: fails "the export `nowhere`, which the module does not have"
;; without manifest-exports: fails "could not be compiled"
(module
  (memory (export "memory") 1)
  (func (export "run"))
  (@custom "wrun.manifest"
;;* 9999 "{\"abi\":1,\"kind\":\"task\",\"name\":\"t{}\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"last\",\"export\":\"nowhere\"}\n"))
