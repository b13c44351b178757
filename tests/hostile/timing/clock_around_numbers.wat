;; A task takes the time of reading by the number that its caller's handle has, of an object of a mebibyte, and by a number
;; that nobody's has, 101 times each: the middle times must not differ by more than three times.
;; task: caller []
;; must: prints "alike"
;; without own-handles: prints "differ"
(module
  (import "wrun" "put_plain" (func $put_plain (param i32 i32) (result i32)))
  (import "wrun" "result_write" (func $result_write (param i32 i32 i32 i32 i32) (result i32)))
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wrun" "arg_read" (func $arg_read (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "object_read" (func $object_read (param i32 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
  (memory (export "memory") 32)
  ;; look(number), whose bytes are at 57.
  (data (i32.const 32) "\00" "\00\00\00\00" "\04\00look" "\00\00" "\01\00"
    "\00" "\05\00\00\00" "\00\00\00\00" "\02" "\00\00\00\00")
  (data (i32.const 64) "\01\22alike\22" "\01\22differ\22")
  (func $now (result i64)
    (drop (call $clock_time_get (i32.const 1) (i64.const 1) (i32.const 96)))
    (i64.load (i32.const 96)))
  (func $time (param $handle i32) (result i64) (local $start i64)
    (local.set $start (call $now))
    (drop (call $object_read (local.get $handle) (i64.const 0) (i32.const 0x10000) (i32.const 0x100000)))
    (i64.sub (call $now) (local.get $start)))
  ;; The middle of the 101 times from `at` on: fifty at most are less, and fifty at most are more.
  (func $middle (param $at i32) (result i64) (local $i i32) (local $j i32) (local $less i32) (local $more i32)
    (local $one i64) (local $other i64)
    (loop $next
      (local.set $one (i64.load (i32.add (local.get $at) (i32.shl (local.get $i) (i32.const 3)))))
      (local.set $j (local.tee $less (local.tee $more (i32.const 0))))
      (loop $compare
        (local.set $other (i64.load (i32.add (local.get $at) (i32.shl (local.get $j) (i32.const 3)))))
        (local.set $less (i32.add (local.get $less) (i64.lt_u (local.get $other) (local.get $one))))
        (local.set $more (i32.add (local.get $more) (i64.gt_u (local.get $other) (local.get $one))))
        (br_if $compare (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 1))) (i32.const 101))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.or (i32.gt_u (local.get $less) (i32.const 50)) (i32.gt_u (local.get $more) (i32.const 50)))))
    (local.get $one))
  (func (export "look") (local $at i32) (local $known i64) (local $unknown i64) (local $differ i32)
    (drop (call $arg_read (i32.const 0) (i32.const 1) (i32.const 84) (i32.const 4)))
    (local.set $at (i32.const 1024))
    (loop $again
      (i64.store (local.get $at) (call $time (i32.load (i32.const 84))))
      (i64.store offset=1024 (local.get $at) (call $time (i32.add (i32.load (i32.const 84)) (i32.const 0x1000))))
      (br_if $again (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 8))) (i32.const 1832))))
    (local.set $known (call $middle (i32.const 1024)))
    (local.set $unknown (call $middle (i32.const 2048)))
    (local.set $differ (i32.or
      (i64.gt_u (local.get $known) (i64.mul (local.get $unknown) (i64.const 3)))
      (i64.gt_u (local.get $unknown) (i64.mul (local.get $known) (i64.const 3)))))
    (drop (call $result_write (i32.const 0) (select (i32.const 72) (i32.const 64) (local.get $differ))
      (i32.add (i32.const 8) (local.get $differ)) (i32.const 0) (i32.const 0))))
  (func (export "caller")
    (i32.store (i32.const 57) (call $put_plain (i32.const 0) (i32.const 0x100000)))
    (drop (call $spawn (i32.const 32) (i32.const 29) (i32.const 88) (i32.const 1)))
    (if (call $get (i32.const 88) (i32.const 1) (i64.const -1)) (then (unreachable)))
    (drop (call $object_read (i32.load (i32.const 88)) (i64.const 0) (i32.const 128) (i32.const 9)))
    (drop (call $result_write (i32.const 0) (i32.const 128)
      (i32.add (i32.const 8) (i32.eq (i32.load8_u (i32.const 130)) (i32.const 100))) (i32.const 0) (i32.const 0))))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"caller\",\"export\":\"caller\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"look\",\"export\":\"look\",\"params\":[{\"name\":\"n\"}]}\n"))
