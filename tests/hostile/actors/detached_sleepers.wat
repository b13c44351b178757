;; Two detached actors sleep for a year in their constructors, and keep the slots that they hold: their job has ended, and
;; its time with it.
;; limits: wall_seconds_per_job=1
;; then: many [3] => 6
;; must: finishes
;; without own-slots: spoils
;; leaves: detached actors
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "sleep" (func $sleep (param i64)))
  (memory (export "memory") 1)
  (data (i32.const 0)
  ;;* 2 "\01" "\00\00\00\00" "\05\00Sleep" "\03\00" "\07\01\01" "\00\00"
  )
  (func (export "new") (call $sleep (i64.const 31536000000000000)))
  (func (export "run")
    (drop (call $spawn (i32.const 0) (i32.const 38) (i32.const 64) (i32.const 2))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"constructor\",\"name\":\"Sleep\",\"export\":\"new\"}\n"))
