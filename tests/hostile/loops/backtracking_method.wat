;; An actor's method matches `(a+)+b` against sixty letters `a`, trying every way to divide them; the job waits for it,
;; and the actor's life is over with its processor time.
;; limits: cpu_seconds_per_task=1
;; must: exits 13
;; without processor-time: runs-on
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)
  ;; Regex(), and regex.match() with the actor's handle at 33. The text is at 256.
  (data (i32.const 0) "\01" "\00\00\00\00" "\05\00Regex" "\00\00" "\00\00")
  (data (i32.const 32) "\02" "\00\00\00\00" "\05\00match" "\00\00" "\00\00")
  (data (i32.const 256) "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
  ;; What is left of the text from `at` on is one `a+` and then the rest, or, after one at least, a `b`.
  (func $group (param $at i32) (param $later i32) (result i32) (local $end i32)
    (if (i32.and (local.get $later) (i32.eq (i32.load8_u (local.get $at)) (i32.const 98)))
      (then (return (i32.const 1))))
    (local.set $end (local.get $at))
    (loop $more
      (if (i32.ne (i32.load8_u (local.get $end)) (i32.const 97)) (then (return (i32.const 0))))
      (local.set $end (i32.add (local.get $end) (i32.const 1)))
      (br_if $more (i32.eqz (call $group (local.get $end) (i32.const 1)))))
    (i32.const 1))
  (func (export "new"))
  (func (export "match") (drop (call $group (i32.const 256) (i32.const 0))))
  (func (export "run")
    (drop (call $spawn (i32.const 0) (i32.const 16) (i32.const 33) (i32.const 1)))
    (drop (call $spawn (i32.const 32) (i32.const 16) (i32.const 64) (i32.const 1)))
    ;; 13: it failed.
    (call $proc_exit (i32.sub (i32.const 10) (call $get (i32.const 64) (i32.const 1) (i64.const -1)))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"constructor\",\"name\":\"Regex\",\"export\":\"new\"}\n"
    "{\"abi\":1,\"kind\":\"method\",\"name\":\"Regex.match\",\"export\":\"match\"}\n"))
