;; Names an export for a task that takes two numbers, what would be in them when the host calls it without any? The task is
;; to run again whenever it fails.
;; task: told []
;; must: fails "the export `told`, which is `(i32, i64) -> i32` and must be `() -> ()`"
;; without manifest-exports: runs-on
(module
  (memory (export "memory") 1)
  (global $got (mut i32) (i32.const 0))
  (func (export "told") (param $ptr i32) (param $secret i64) (result i32)
    (global.set $got (local.get $ptr))
    (i64.store (i32.const 0) (local.get $secret))
    (global.get $got))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"told\",\"export\":\"told\",\"options\":{\"max_retries\":4294967295,\"retry_errors\":true}}\n"))
