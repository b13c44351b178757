;; Ten thousand records, as many as there may be, of which the last names the memory for a task, that is to run again
;; whenever it fails.
;; task: last []
;; must: fails "the export `memory`, which is `memory` and must be `() -> ()`"
;; without manifest-exports: runs-on
(module
  (memory (export "memory") 1)
  (func (export "run"))
  (@custom "wrun.manifest"
;;* 9999 "{\"abi\":1,\"kind\":\"task\",\"name\":\"t{}\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"last\",\"export\":\"memory\",\"options\":{\"max_retries\":4294967295,\"retry_errors\":true}}\n"))
