;; Each task starts the next one and waits for it, so that no sandbox ever ends, until the process gets no more mappings.
;; limits: memory=16777216
;; must: fails "WR0109" "the tenant `deep` may hold 16777216 bytes of sandbox memory"
;; without sandbox-bytes: holds memory 100000000
;; without sandbox-bytes,sandboxes,max-sandboxes: holds sandboxes 8000
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wrun" "last_error" (func $last_error (param i32 i32) (result i32)))
  (import "wrun" "fail" (func $fail (param i32 i32 i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "\00" "\00\00\00\00" "\04\00next" "\00\00" "\00\00")
  (func $down (export "next")
    (drop (call $spawn (i32.const 0) (i32.const 15) (i32.const 64) (i32.const 1)))
    (if (call $get (i32.const 64) (i32.const 1) (i64.const -1))
      ;; It passes on why.
      (then (call $fail (i32.const 4) (i32.const 128)
        (call $last_error (i32.const 128) (i32.const 32768))))))
  (func (export "run")
    (call $down))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"next\",\"export\":\"next\",\"options\":{\"max_retries\":0}}\n"))
