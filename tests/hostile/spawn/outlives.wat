;; Leaves tasks that start each other for ever, loop, and outlive their job: `main` ends at once.
;; must: finishes
;; without job-end,fair-share: starves
;; without job-end,interrupts: starves
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 0)
  ;;* 8 "\00" "\00\00\00\00" "\04\00fork" "\00\00" "\00\00"
  )
  (func $fork (export "fork")
    (drop (call $spawn (i32.const 0) (i32.const 120) (i32.const 128) (i32.const 8)))
    (loop (br 0)))
  (func (export "run")
    (drop (call $spawn (i32.const 0) (i32.const 120) (i32.const 128) (i32.const 8))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"fork\",\"export\":\"fork\"}\n"))
