;; A guest written by hand from guest-sdk/abi/ABI.md alone: a task, an actor and a `main` that spawns and gets.
;; Its numbers are single digits, so that a value is two bytes in either format: the format byte, and the number itself
;; (bincode of a u8) or its digit (JSON).
(module
  (import "wrun" "arg_read" (func $arg_read (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "result_format" (func $result_format (result i32)))
  (import "wrun" "result_write" (func $result_write (param i32 i32 i32 i32 i32) (result i32)))
  (import "wrun" "spawn" (func $spawn (param i32 i32 i32 i32) (result i32)))
  (import "wrun" "get" (func $get (param i32 i32 i64) (result i32)))
  (import "wrun" "object_read" (func $object_read (param i32 i64 i32 i32) (result i32)))
  (import "wrun" "release" (func $release (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)

  ;; 0: a value   16: its length for fd_write   32: handles
  ;; 64 and on: calls, each 1 + 4 + 2 + name + 2 + 0 + 2 + arguments
  (data (i32.const 64) "\00" "\00\00\00\00" "\04\00next" "\00\00" "\01\00"
        "\00" "\02\00\00\00" "\00\00\00\00" "\00\04")                       ;; next(4): 26 bytes
  (data (i32.const 128) "\01" "\00\00\00\00" "\07\00Counter" "\00\00" "\00\00")  ;; Counter(): 18 bytes
  (data (i32.const 192)
        "\02" "\00\00\00\00" "\03\00add" "\00\00" "\01\00" "\00" "\02\00\00\00" "\00\00\00\00" "\00\02"  ;; add(2): 25
        "\02" "\00\00\00\00" "\03\00add" "\00\00" "\01\00" "\00" "\02\00\00\00" "\00\00\00\00" "\00\03") ;; add(3): 25

  (global $total (mut i32) (i32.const 0))

  ;; The number in the two-byte value at 0.
  (func $number (result i32)
    (i32.sub (i32.load8_u (i32.const 1))
             (i32.mul (i32.const 48) (i32.load8_u (i32.const 0)))))

  (func $argument (result i32)
    (drop (call $arg_read (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 2)))
    (call $number))

  (func $answer (param $n i32)
    (i32.store8 (i32.const 0) (call $result_format))
    (i32.store8 (i32.const 1)
      (i32.add (local.get $n) (i32.mul (i32.const 48) (i32.load8_u (i32.const 0)))))
    (drop (call $result_write (i32.const 0) (i32.const 0) (i32.const 2) (i32.const 0) (i32.const 0))))

  ;; Waits for the object whose handle is at `at`, and prints it as a line.
  (func $print_object (param $at i32)
    (if (call $get (local.get $at) (i32.const 1) (i64.const -1)) (then (unreachable)))
    (drop (call $object_read (i32.load (local.get $at)) (i64.const 0) (i32.const 0) (i32.const 2)))
    (i32.store8 (i32.const 0) (i32.add (call $number) (i32.const 48)))
    (i32.store8 (i32.const 1) (i32.const 10))
    (i32.store (i32.const 16) (i32.const 0))
    (i32.store (i32.const 20) (i32.const 2))
    (drop (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24))))

  (func (export "next_digit")
    (call $answer (i32.add (call $argument) (i32.const 1))))

  (func (export "counter_new")
    (global.set $total (i32.const 0)))

  (func (export "counter_add")
    (global.set $total (i32.add (global.get $total) (call $argument)))
    (call $answer (global.get $total)))

  (func (export "run")
    (if (i32.ne (call $spawn (i32.const 64) (i32.const 26) (i32.const 32) (i32.const 1)) (i32.const 1))
      (then (unreachable)))
    (call $print_object (i32.const 32))
    (drop (call $release (i32.const 32) (i32.const 1)))
    (if (i32.ne (call $spawn (i32.const 128) (i32.const 18) (i32.const 36) (i32.const 1)) (i32.const 1))
      (then (unreachable)))
    ;; The actor's handle goes into both calls, which are spawned as one batch.
    (i32.store (i32.const 193) (i32.load (i32.const 36)))
    (i32.store (i32.const 218) (i32.load (i32.const 36)))
    (if (i32.ne (call $spawn (i32.const 192) (i32.const 50) (i32.const 40) (i32.const 2)) (i32.const 2))
      (then (unreachable)))
    (call $print_object (i32.const 44))
    (call $print_object (i32.const 40)))

  (@custom "wrun.manifest"
    "{\"abi\":1,\"kind\":\"main\",\"export\":\"run\"}\n"
    "{\"abi\":1,\"kind\":\"task\",\"name\":\"next\",\"export\":\"next_digit\",\"params\":[{\"name\":\"x\",\"type\":\"u8\"}],\"returns\":\"u8\",\"doc\":\"The digit after x.\"}\n"
    "{\"abi\":1,\"kind\":\"actor\",\"name\":\"Counter\",\"doc\":\"Adds up.\"}\n"
    "{\"abi\":1,\"kind\":\"constructor\",\"name\":\"Counter\",\"export\":\"counter_new\",\"params\":[]}\n"
    "{\"abi\":1,\"kind\":\"method\",\"name\":\"Counter.add\",\"export\":\"counter_add\",\"params\":[{\"name\":\"x\",\"type\":\"u8\"}],\"returns\":\"u8\"}\n")
)
