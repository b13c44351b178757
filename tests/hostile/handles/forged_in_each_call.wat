;; Uses numbers that nobody gave it in each call of the host that takes any: those of its object, actor and stream with
;; bits changed that do not tell the place.
;; must: finishes
;; must: prints " get -1"
;; must: prints " object_len -1"
;; must: prints " object_read -1"
;; must: prints " object_refs -1"
;; must: prints " view -1"
;; must: prints " wait -1"
;; must: prints " put -1"
;; must: prints " argument -1"
;; must: prints " reference -1"
;; must: prints " method -1"
;; must: prints " stream_next -1"
;; must: prints " result_write -1"
;; must: prints " yield_write -1"
;; must: prints " cancel -1"
;; must: prints " actor_stop -1"
;; must: prints " release -1"
;; must: prints " view_release -4"
;; without handle-generation: prints " get +"
;; without handle-generation: prints " object_len +"
;; without handle-generation: prints " object_read +"
;; without handle-generation: prints " object_refs +"
;; without handle-generation: prints " view +"
;; without handle-generation: prints " wait +"
;; without handle-generation: prints " put +"
;; without handle-generation: prints " argument +"
;; without handle-generation: prints " reference +"
;; without handle-generation: prints " method +"
;; without handle-generation: prints " stream_next +"
;; without handle-generation: prints " cancel +"
;; without handle-generation: prints " actor_stop +"
;; without handle-generation: prints " release +"
;; without handle-generation: prints " result_write -4"
;; without handle-generation: prints " yield_write -4"
(module
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "put" (func $put (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "put_plain" (func $put_plain (param i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wrun" "object_len" (func $object_len (param i32) (result i64)))
  (import "wrun" "object_read" (func $object_read (param i32 i64 i32 i32) (result i32)))
  (import "wrun" "object_refs" (func $object_refs (param i32 i32 i32) (result i32)))
  (import "wrun" "view" (func $view (param i32 i64 i32) (result i64)))
  (import "wrun" "view_release" (func $view_release (param i32) (result i32)))
  (import "wrun" "wait" (func $wait (param i32 i32 i32 i32 i64 i32) (result i32)))
  (import "wrun" "release" (func $release (param i32 i32) (result i32)))
  (import "wrun" "cancel" (func $cancel (param i32 i32) (result i32)))
  (import "wrun" "actor_stop" (func $actor_stop (param i32 i32) (result i32)))
  (import "wrun" "stream_next" (func $stream_next (param i32 i64) (result i32)))
  (import "wrun" "result_write" (func $result_write (param i32 i32 i32 i32 i32) (result i32)))
  (import "wrun" "yield_write" (func $yield_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 32)
  ;; 0: the line that is printed   16, 20, 24: the numbers of an object, an actor and a stream   28: the place
  ;; of a view   56: a value
  (data (i32.const 0) "\00\02\00\00" "\10\00\00\00")
  (data (i32.const 56) "\00a")
  ;; actor.open() at 64, take(object) at 96, take(value that refers to it) at 128, Safe() at 160, items() at 192.
  (data (i32.const 64) "\02" "\00\00\00\00" "\04\00open" "\00\00" "\00\00")
  (data (i32.const 96) "\00" "\00\00\00\00" "\04\00take" "\00\00" "\01\00" "\01" "\00\00\00\00")
  (data (i32.const 128) "\00" "\00\00\00\00" "\04\00take" "\00\00" "\01\00"
    "\00" "\02\00\00\00" "\01\00\00\00" "\00a" "\00\00\00\00")
  (data (i32.const 160) "\01" "\00\00\00\00" "\04\00Safe" "\00\00" "\00\00")
  (data (i32.const 192) "\00" "\00\00\00\00" "\05\00items" "\00\00" "\00\00")
  (data (i32.const 1024)
    "           get" "    object_len" "   object_read" "   object_refs"
    "          view" "          wait" "           put" "      argument"
    "     reference" "        method" "   stream_next" "  result_write"
    "   yield_write" "        cancel" "    actor_stop" "       release"
    "  view_release")
  ;; A line: what was called, and the status, of which all that are none are a plus.
  (func $say (param $what i32) (param $status i32)
    (memory.copy (i32.const 512) (i32.add (i32.const 1024) (i32.mul (local.get $what) (i32.const 14))) (i32.const 14))
    (i32.store (i32.const 526) (i32.const 0x0a202b20))
    (if (i32.lt_s (local.get $status) (i32.const 0))
      (then
        (i32.store8 (i32.const 527) (i32.const 45))
        (i32.store8 (i32.const 528) (i32.sub (i32.const 48) (local.get $status)))))
    (i32.store (i32.const 4) (i32.const 18))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func $walk
    (call $say (i32.const 0) (call $get (i32.const 16) (i32.const 1) (i64.const 0)))
    (call $say (i32.const 1) (i32.wrap_i64 (call $object_len (i32.load (i32.const 16)))))
    (call $say (i32.const 2) (call $object_read (i32.load (i32.const 16)) (i64.const 0) (i32.const 32) (i32.const 4)))
    (call $say (i32.const 3) (call $object_refs (i32.load (i32.const 16)) (i32.const 32) (i32.const 0)))
    (call $say (i32.const 4) (i32.wrap_i64 (call $view (i32.load (i32.const 16)) (i64.const 0) (i32.const 0x10000))))
    (call $say (i32.const 5) (call $wait (i32.const 16) (i32.const 1) (i32.const 1) (i32.const 1) (i64.const 0) (i32.const 32)))
    (call $say (i32.const 6) (call $put (i32.const 56) (i32.const 2) (i32.const 16) (i32.const 1)))
    (i32.store (i32.const 112) (i32.load (i32.const 16)))
    (call $say (i32.const 7) (call $spawn (i32.const 96) (i32.const 20) (i32.const 32) (i32.const 1)))
    (i32.store (i32.const 154) (i32.load (i32.const 16)))
    (call $say (i32.const 8) (call $spawn (i32.const 128) (i32.const 30) (i32.const 32) (i32.const 1)))
    (i32.store (i32.const 65) (i32.load (i32.const 20)))
    (call $say (i32.const 9) (call $spawn (i32.const 64) (i32.const 15) (i32.const 32) (i32.const 1)))
    (call $say (i32.const 10) (call $stream_next (i32.load (i32.const 24)) (i64.const 0)))
    (call $say (i32.const 11) (call $result_write (i32.const 9) (i32.const 56) (i32.const 2) (i32.const 16) (i32.const 1)))
    (call $say (i32.const 12) (call $yield_write (i32.const 56) (i32.const 2) (i32.const 16) (i32.const 1)))
    (call $say (i32.const 13) (call $cancel (i32.load (i32.const 24)) (i32.const 0)))
    (call $say (i32.const 14) (call $actor_stop (i32.load (i32.const 20)) (i32.const 1)))
    (call $say (i32.const 16) (call $view_release (i32.load (i32.const 28))))
    (call $say (i32.const 15) (call $release (i32.const 16) (i32.const 3))))
  ;; An object of a mebibyte with a view of it, an actor, and a stream with an item.
  (func $make
    (i32.store (i32.const 16) (call $put_plain (i32.const 0) (i32.const 0x100000)))
    (i32.store (i32.const 28)
      (i32.wrap_i64 (call $view (i32.load (i32.const 16)) (i64.const 0) (i32.const 0x10000))))
    (drop (call $spawn (i32.const 160) (i32.const 15) (i32.const 20) (i32.const 1)))
    (drop (call $spawn (i32.const 192) (i32.const 16) (i32.const 24) (i32.const 1)))
    (drop (call $wait (i32.const 24) (i32.const 1) (i32.const 1) (i32.const 1) (i64.const -1) (i32.const 32))))
  (func (export "new"))
  (func (export "open"))
  (func (export "take"))
  (func (export "items")
    (drop (call $yield_write (i32.const 56) (i32.const 2) (i32.const 0) (i32.const 0))))
  (func (export "run")
    (call $make)
    (i32.store (i32.const 16) (i32.xor (i32.load (i32.const 16)) (i32.const 0x80000000)))
    (i32.store (i32.const 20) (i32.xor (i32.load (i32.const 20)) (i32.const 0x00400000)))
    (i32.store (i32.const 24) (i32.and (i32.load (i32.const 24)) (i32.const 0x003fffff)))
    (i32.store (i32.const 28) (i32.add (i32.load (i32.const 28)) (i32.const 0x1000)))
    (call $walk))
  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"take\",\"export\":\"take\",\"params\":[{\"name\":\"x\"}]}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"items\",\"export\":\"items\",\"stream\":true}\n"
    "{\"abi\":1,\"kind\":\"constructor\",\"name\":\"Safe\",\"export\":\"new\"}\n"
    "{\"abi\":1,\"kind\":\"method\",\"name\":\"Safe.open\",\"export\":\"open\"}\n"))
