;; Names an export for a task that the module does not have. It is refused before its other function, which takes the
;; compiler hundreds of megabytes and no more than it may, is compiled for nothing.
;; task: gone []
;; must: fails "the export `nowhere`, which the module does not have"
;; without manifest-exports: grows 120
(module
  (memory (export "memory") 1)
  (type $t (func
;;* 60 (param i64)
;;* 60 (result i64)
  ))
  (func $pass (type $t)
;;* 60 (local.get {})
;;* 600 (if (type $t) (i32.const 1) (then) (else))
  )
  (func (export "run"))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"gone\",\"export\":\"nowhere\"}\n"))
