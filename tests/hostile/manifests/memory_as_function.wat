;; Names its memory for a task, and a table for the constructor of an actor.
;; task: remember []
;; must: fails "the export `memory`, which is `memory` and must be `() -> ()`"
;; without manifest-exports: fails "the sandbox failed: the export is not a function"
(module
  (memory (export "memory") 1)
  (table (export "table") 4 funcref)
  (func (export "run"))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"remember\",\"export\":\"memory\"}\n"
    "{\"abi\":1,\"kind\":\"constructor\",\"name\":\"Table\",\"export\":\"table\"}\n"))
