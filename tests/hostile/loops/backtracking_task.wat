;; A task matches `(a+)+b` against ten thousand letters `a` by trying every way to divide them: 2 to the power of 9,999.
;; limits: cpu_seconds_per_task=1
;; task: match []
;; must: fails "WR0110" "processor time"
;; without processor-time: runs-on
(module
  (memory (export "memory") 1)
  ;; One more `a+` from `at` on: as many letters as there are, then fewer; after each of these again, or a `b`.
  (func $group (param $at i32) (result i32) (local $end i32)
    (local.set $end (local.get $at))
    (loop $more
      (if (i32.eq (i32.load8_u (local.get $end)) (i32.const 97))
        (then
          (local.set $end (i32.add (local.get $end) (i32.const 1)))
          (br $more))))
    (loop $fewer
      (if (i32.eq (local.get $end) (local.get $at)) (then (return (i32.const 0))))
      (if (call $group (local.get $end)) (then (return (i32.const 1))))
      (if (i32.eq (i32.load8_u (local.get $end)) (i32.const 98)) (then (return (i32.const 1))))
      (local.set $end (i32.sub (local.get $end) (i32.const 1)))
      (br $fewer))
    (unreachable))
  (func (export "match")
    (memory.fill (i32.const 0) (i32.const 97) (i32.const 10000))
    (drop (call $group (i32.const 0))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"match\",\"export\":\"match\"}\n"))
