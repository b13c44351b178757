;; Says that it was made for a version of the ABI that there is not yet, in one of its records.
;; must: fails "version 2 of the guest ABI" "this host speaks version 1"
;; without abi-version: finishes
(module
  (memory (export "memory") 1)
  (func (export "run"))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":2,\"kind\":\"task\",\"name\":\"late\",\"export\":\"run\"}\n"))
