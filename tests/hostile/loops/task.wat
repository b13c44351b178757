;; A task loops for ever, and nobody waits for it with a time of his own.
;; limits: cpu_seconds_per_task=1
;; task: forever
;; must: fails "WR0110" "the limit of a task"
;; without processor-time: runs-on
;; without interrupts: runs-on
(module
  (memory (export "memory") 1)
  (func (export "forever") (loop (br 0)))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"forever\",\"export\":\"forever\"}\n"))
