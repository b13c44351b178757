;; Loops for ever in `_initialize`, which runs before each of its calls.
;; limits: cpu_seconds_per_job=1
;; task: nothing
;; must: fails "WR0110" "processor time"
;; without processor-time: runs-on
(module
  (memory (export "memory") 1)
  (func (export "_initialize") (loop (br 0)))
  (func (export "nothing"))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"nothing\",\"export\":\"nothing\"}\n"))
