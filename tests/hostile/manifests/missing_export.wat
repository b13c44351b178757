;; Names an export for a task that the module does not have, and has the task called.
;; task: gone []
;; must: fails "the export `nowhere`, which the module does not have"
;; without manifest-exports: fails "could not be compiled"
(module
  (import "wrun" "result_format" (func $result_format (result i32)))
  (memory (export "memory") 1)
  (func (export "run") (drop (call $result_format)))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"gone\",\"export\":\"nowhere\"}\n"))
