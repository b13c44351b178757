;; Matches `(a?){40}a{40}` against 40 letters by trying every way: 2 to the power of 40.
;; limits: cpu_seconds_per_job=1
;; must: fails "WR0110" "processor time"
;; without processor-time: runs-on
(module
  (memory (export "memory") 1)
  (data (i32.const 0)
  ;;* 40 "a"
  )
  ;; Whether what is left of the pattern, `options` times `a?` and then 40 times `a`, matches the text from `at` on.
  (func $match (param $options i32) (param $at i32) (result i32)
    (if (i32.eqz (local.get $options))
      (then (return (i32.eqz (local.get $at)))))
    (if (i32.eq (i32.load8_u (local.get $at)) (i32.const 97))
      (then
        (if (call $match (i32.sub (local.get $options) (i32.const 1)) (i32.add (local.get $at) (i32.const 1)))
          (then (return (i32.const 1))))))
    (call $match (i32.sub (local.get $options) (i32.const 1)) (local.get $at)))
  (func (export "_start")
    (drop (call $match (i32.const 40) (i32.const 0)))))
