;; Looks for a detached actor that another tenant has, by its name.
;; must: exits 5
;; without actor-names: finishes
(module
  (import "wrun" "actor_get" (func $actor_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  (data (i32.const 0) "treasure")
  (func (export "_start") (local $found i32)
    (local.set $found (call $actor_get (i32.const 0) (i32.const 8)))
    ;; 0 if there is a handle, else the status without its sign.
    (call $proc_exit (select (i32.const 0) (i32.sub (i32.const 0) (local.get $found))
      (i32.gt_s (local.get $found) (i32.const 0))))))
