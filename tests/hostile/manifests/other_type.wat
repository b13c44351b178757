;; Names an export for its `main` that takes two numbers: what would be in them when the host calls it without any?
;; must: fails "the export `run`, which is `(i32, i64) -> i32` and must be `() -> ()`"
;; without manifest-exports: fails "the sandbox failed: expected 0 types, found 2"
(module
  (memory (export "memory") 1)
  (global $got (mut i32) (i32.const 0))
  (func (export "run") (param $ptr i32) (param $secret i64) (result i32)
    (global.set $got (local.get $ptr))
    (i64.store (i32.const 0) (local.get $secret))
    (global.get $got))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"))
