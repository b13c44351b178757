//! Modules that are made to be compiled slowly: what they take, and which are refused.

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, ElementSection, Elements, ExportKind, ExportSection,
    Function, FunctionSection, GlobalSection, GlobalType, Instruction as I, MemArg, MemorySection,
    MemoryType, Module as Wasm, RefType, TableSection, TableType, TypeSection, ValType,
};

use super::{super::hostcall::large, *};
use crate::rt::clock;

/// A module of `functions` functions of one type, whose bodies this writes.
pub(super) fn wasm(
    params: u32,
    results: u32,
    functions: usize,
    body: impl Fn(usize) -> Function,
) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    types.ty().function(
        std::iter::repeat_n(ValType::I64, large(params)),
        std::iter::repeat_n(ValType::I64, large(results)),
    );
    let mut list = FunctionSection::new();
    let mut code = CodeSection::new();
    list.function(0);
    let mut start = Function::new([]);
    start.instruction(&I::End);
    code.function(&start);
    for number in 0..functions {
        list.function(1);
        code.function(&body(number));
    }
    let (memory, exports) = of_a_command();
    let mut module = Wasm::new();
    module.section(&types).section(&list).section(&memory);
    module.section(&exports).section(&code);
    module.finish()
}

/// What a command has, whose first function is its program.
fn of_a_command() -> (MemorySection, ExportSection) {
    let mut memory = MemorySection::new();
    memory.memory(MemoryType {
        minimum: 1,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut exports = ExportSection::new();
    exports.export("_start", ExportKind::Func, 0);
    exports.export("memory", ExportKind::Memory, 0);
    (memory, exports)
}

fn function(locals: u32, write: impl FnOnce(&mut Function)) -> Function {
    let mut function = Function::new([(locals, ValType::I64)]);
    write(&mut function);
    function.instruction(&I::End);
    function
}

const MEM: MemArg = MemArg {
    offset: 0,
    align: 0,
    memory_index: 0,
};

/// Modules of all kinds that were found slow, in several sizes.
#[allow(clippy::type_complexity, reason = "a callback")]
fn bombs(run: &mut dyn FnMut(&str, &dyn Fn() -> Vec<u8>)) {
    for n in [20_000, 100_000, 300_000] {
        run(&format!("straight {n}"), &|| {
            wasm(0, 0, 1, |_| {
                function(1, |f| {
                    for _ in 0..n {
                        f.instruction(&I::LocalGet(0));
                        f.instruction(&I::I64Const(77));
                        f.instruction(&I::I64Add);
                        f.instruction(&I::LocalSet(0));
                    }
                })
            })
        });
    }
    for n in [20_000, 100_000, 300_000] {
        run(&format!("functions {n}"), &|| {
            wasm(0, 0, n, |_| function(0, |_| {}))
        });
        run(&format!("functions1000params {n}"), &|| {
            wasm(1000, 0, n / 20, |_| function(0, |_| {}))
        });
    }
    for n in [10_000, 100_000, 1_000_000] {
        run(&format!("br_table {n}"), &|| {
            wasm(0, 0, 1, |_| {
                function(1, |f| {
                    f.instruction(&I::Block(BlockType::Empty));
                    f.instruction(&I::Block(BlockType::Empty));
                    f.instruction(&I::I32Const(1));
                    f.instruction(&I::BrTable(
                        (0..n).map(|i| i % 2).collect::<Vec<_>>().into(),
                        0,
                    ));
                    f.instruction(&I::End);
                    f.instruction(&I::End);
                })
            })
        });
    }
    for (arity, n) in [(100, 1000), (1000, 100), (1000, 1000)] {
        run(&format!("br_table arity {arity} x {n}"), &|| {
            wasm(arity, arity, 1, |_| {
                function(0, |f| {
                    for l in 0..arity {
                        f.instruction(&I::LocalGet(l));
                    }
                    f.instruction(&I::I32Const(1));
                    f.instruction(&I::BrTable((0..n).map(|_| 0).collect::<Vec<_>>().into(), 0));
                })
            })
        });
    }
    for (arity, n) in [(100, 1000), (1000, 100), (1000, 1000)] {
        run(&format!("br_if arity {arity} x {n}"), &|| {
            wasm(arity, arity, 1, |_| {
                function(0, |f| {
                    for l in 0..arity {
                        f.instruction(&I::LocalGet(l));
                    }
                    for _ in 0..n {
                        f.instruction(&I::I32Const(1));
                        f.instruction(&I::BrIf(0));
                    }
                })
            })
        });
        run(&format!("calls arity {arity} x {n}"), &|| {
            wasm(arity, arity, 1, |_| {
                function(0, |f| {
                    for l in 0..arity {
                        f.instruction(&I::LocalGet(l));
                    }
                    for _ in 0..n {
                        f.instruction(&I::Call(1));
                    }
                })
            })
        });
        run(&format!("blocks arity {arity} x {n}"), &|| {
            wasm(arity, arity, 1, |_| {
                function(0, |f| {
                    for l in 0..arity {
                        f.instruction(&I::LocalGet(l));
                    }
                    for _ in 0..n {
                        f.instruction(&I::Loop(BlockType::FunctionType(1)));
                    }
                    for _ in 0..n {
                        f.instruction(&I::End);
                    }
                })
            })
        });
        run(&format!("ifs arity {arity} x {n}"), &|| {
            wasm(arity, arity, 1, |_| {
                function(0, |f| {
                    for l in 0..arity {
                        f.instruction(&I::LocalGet(l));
                    }
                    for _ in 0..n {
                        f.instruction(&I::I32Const(1));
                        f.instruction(&I::If(BlockType::FunctionType(1)));
                        f.instruction(&I::Else);
                        f.instruction(&I::End);
                    }
                })
            })
        });
    }
    for (locals, blocks) in [
        (100, 1000),
        (1000, 1000),
        (100, 10000),
        (5000, 1000),
        (1000, 5000),
    ] {
        run(&format!("locals {locals} x loops {blocks}"), &|| {
            wasm(0, 0, 1, |_| {
                function(locals, |f| {
                    for _ in 0..blocks {
                        f.instruction(&I::Loop(BlockType::Empty));
                        f.instruction(&I::I32Const(1));
                        f.instruction(&I::BrIf(0));
                        f.instruction(&I::End);
                    }
                    for l in 0..locals {
                        f.instruction(&I::LocalGet(l));
                        f.instruction(&I::Drop);
                    }
                })
            })
        });
        run(&format!("locals {locals} x set ifs {blocks}"), &|| {
            wasm(1, 0, 1, |_| {
                function(locals, |f| {
                    for b in 0..blocks {
                        f.instruction(&I::LocalGet(0));
                        f.instruction(&I::I64Eqz);
                        f.instruction(&I::If(BlockType::Empty));
                        f.instruction(&I::LocalGet(1 + (b * 7) % locals));
                        f.instruction(&I::LocalGet(1 + (b * 13) % locals));
                        f.instruction(&I::I64Add);
                        f.instruction(&I::LocalSet(1 + b % locals));
                        f.instruction(&I::End);
                    }
                    for l in 0..locals {
                        f.instruction(&I::I32Const(8));
                        f.instruction(&I::LocalGet(1 + l));
                        f.instruction(&I::I64Store(MEM));
                    }
                })
            })
        });
        run(&format!("locals {locals} x loop sets {blocks}"), &|| {
            wasm(1, 0, 1, |_| {
                function(locals, |f| {
                    for b in 0..blocks {
                        f.instruction(&I::Loop(BlockType::Empty));
                        f.instruction(&I::LocalGet(1 + (b * 7) % locals));
                        f.instruction(&I::LocalGet(1 + (b * 13) % locals));
                        f.instruction(&I::I64Add);
                        f.instruction(&I::LocalSet(1 + b % locals));
                    }
                    for _ in 0..blocks {
                        f.instruction(&I::LocalGet(0));
                        f.instruction(&I::I64Eqz);
                        f.instruction(&I::BrIf(0));
                        f.instruction(&I::End);
                    }
                    for l in 0..locals {
                        f.instruction(&I::I32Const(8));
                        f.instruction(&I::LocalGet(1 + l));
                        f.instruction(&I::I64Store(MEM));
                    }
                })
            })
        });
    }
    for n in [10_000, 50_000, 200_000] {
        run(&format!("nest {n}"), &|| {
            wasm(0, 0, 1, |_| {
                function(0, |f| {
                    for _ in 0..n {
                        f.instruction(&I::Block(BlockType::Empty));
                    }
                    for _ in 0..n {
                        f.instruction(&I::I32Const(1));
                        f.instruction(&I::BrIf(0));
                        f.instruction(&I::End);
                    }
                })
            })
        });
        run(&format!("live {n}"), &|| {
            wasm(1, 0, 1, |_| {
                function(1, |f| {
                    f.instruction(&I::LocalGet(0));
                    for _ in 0..n {
                        f.instruction(&I::LocalGet(0));
                        f.instruction(&I::I32WrapI64);
                        f.instruction(&I::I64Load(MEM));
                        f.instruction(&I::LocalTee(0));
                    }
                    for _ in 0..n {
                        f.instruction(&I::I64Xor);
                        f.instruction(&I::LocalTee(0));
                    }
                    f.instruction(&I::Drop);
                })
            })
        });
        run(&format!("fill {n}"), &|| {
            wasm(0, 0, 1, |_| {
                function(0, |f| {
                    for _ in 0..n {
                        f.instruction(&I::I32Const(1));
                        f.instruction(&I::I32Const(1));
                        f.instruction(&I::I32Const(1));
                        f.instruction(&I::MemoryFill(0));
                    }
                })
            })
        });
        run(&format!("trunc {n}"), &|| {
            wasm(0, 0, 1, |_| {
                function(1, |f| {
                    for _ in 0..n {
                        f.instruction(&I::LocalGet(0));
                        f.instruction(&I::F64ConvertI64U);
                        f.instruction(&I::I64TruncF64U);
                        f.instruction(&I::LocalSet(0));
                    }
                })
            })
        });
        run(&format!("popcnt {n}"), &|| {
            wasm(0, 0, 1, |_| {
                function(1, |f| {
                    f.instruction(&I::LocalGet(0));
                    for _ in 0..n {
                        f.instruction(&I::I64Popcnt);
                    }
                    f.instruction(&I::Drop);
                })
            })
        });
        run(&format!("grow {n}"), &|| {
            wasm(0, 0, 1, |_| {
                function(1, |f| {
                    f.instruction(&I::I32Const(0));
                    for _ in 0..n {
                        f.instruction(&I::MemoryGrow(0));
                    }
                    f.instruction(&I::Drop);
                })
            })
        });
        run(&format!("calls {n}"), &|| {
            wasm(0, 0, 1, |_| {
                function(1, |f| {
                    for _ in 0..n {
                        f.instruction(&I::Call(0));
                    }
                })
            })
        });
        run(&format!("i64x2.mul {n}"), &|| {
            wasm(0, 0, 1, |_| {
                function(1, |f| {
                    f.instruction(&I::V128Const(3));
                    for _ in 0..n {
                        f.instruction(&I::I16x8Abs);
                        f.instruction(&I::I8x16Popcnt);
                    }
                    f.instruction(&I::Drop);
                })
            })
        });
        run(&format!("unreachable {n}"), &|| {
            wasm(0, 0, 1, |_| {
                function(1, |f| {
                    for _ in 0..n {
                        f.instruction(&I::Block(BlockType::Empty));
                        f.instruction(&I::Unreachable);
                        f.instruction(&I::End);
                    }
                })
            })
        });
    }
}

/// More of these: what is slow beside instructions, and locals that meet.
#[allow(clippy::type_complexity, reason = "a callback")]
fn more_bombs(run: &mut dyn FnMut(&str, &dyn Fn() -> Vec<u8>)) {
    for n in [30, 60, 180, 300] {
        run(&format!("types {n} x 2000"), &|| {
            let mut program = Beside::new();
            for params in 0..n {
                let wide = |n: usize| std::iter::repeat_n(ValType::I64, n);
                let ty = program.types.ty();
                ty.function(wide(1000 - params), wide(1000));
            }
            program.finish()
        });
    }
    for n in [30_000, 100_000, 200_000, 1_000_000] {
        run(&format!("passive elements {n}"), &|| {
            let mut program = Beside::new();
            program
                .elements
                .passive(Elements::Functions(vec![0; n].into()));
            program.finish()
        });
        run(&format!("elements by expression {n}"), &|| {
            let mut program = Beside::new();
            program.table(n as u64);
            let items: Vec<_> = vec![ConstExpr::ref_func(0); n];
            let items = Elements::Expressions(RefType::FUNCREF, items.into());
            let start = ConstExpr::i32_const(0);
            program.elements.active(Some(0), &start, items);
            program.finish()
        });
        run(&format!("constant {n}"), &|| {
            let mut program = Beside::new();
            let sum = (0..n).fold(ConstExpr::i32_const(0), |sum, _| {
                sum.with_i32_const(1).with_i32_add()
            });
            let ty = GlobalType {
                val_type: ValType::I32,
                mutable: false,
                shared: false,
            };
            program.globals.global(ty, &sum);
            program.finish()
        });
    }
    for n in [60, 100, 150, 200] {
        run(&format!("tables of locals {n}"), &|| {
            wasm(0, 0, 1, |_| function(n, |f| tables_of_locals(f, n)))
        });
    }
    for n in [500, 3_000, 10_000] {
        run(&format!("table of one target {n} x 1000"), &|| {
            wasm(0, 0, 1, |_| function(1_000, |f| table_of_one_target(f, n)))
        });
        run(&format!("table beside locals {n} x 1000"), &|| {
            wasm(0, 0, 1, |_| function(1_000, |f| table_beside_locals(f, n)))
        });
    }
    for n in [50, 100, 200, 400] {
        run(&format!("locals in deep loops {n}"), &|| {
            wasm(0, 0, 1, |_| function(275, |f| locals_in_loops(f, n)))
        });
    }
}

/// A program that does nothing, with these beside it.
#[derive(Default)]
struct Beside {
    types: TypeSection,
    tables: TableSection,
    globals: GlobalSection,
    elements: ElementSection,
}

impl Beside {
    fn new() -> Self {
        let mut new = Self::default();
        new.types.ty().function([], []);
        new
    }

    fn table(&mut self, minimum: u64) {
        self.tables.table(TableType {
            element_type: RefType::FUNCREF,
            minimum,
            maximum: None,
            table64: false,
            shared: false,
        });
    }

    fn finish(self) -> Vec<u8> {
        let mut list = FunctionSection::new();
        list.function(0);
        let (memory, exports) = of_a_command();
        let mut code = CodeSection::new();
        code.function(&function(0, |_| {}));
        let mut module = Wasm::new();
        module
            .section(&self.types)
            .section(&list)
            .section(&self.tables);
        module
            .section(&memory)
            .section(&self.globals)
            .section(&exports);
        module.section(&self.elements).section(&code);
        module.finish()
    }
}

/// `n` blocks, at the end of each of which `n` locals meet that were set before each of `n` tables of branches there.
fn tables_of_locals(f: &mut Function, n: u32) {
    let targets: Vec<u32> = (0..n).collect();
    for _ in 0..n {
        f.instruction(&I::Block(BlockType::Empty));
    }
    for at in 0..n {
        for local in 0..n {
            f.instruction(&I::LocalGet(local));
            f.instruction(&I::I64Const(i64::from(at)));
            f.instruction(&I::I64Add);
            f.instruction(&I::LocalSet(local));
        }
        f.instruction(&I::Block(BlockType::Empty));
        f.instruction(&I::LocalGet(at));
        f.instruction(&I::I32WrapI64);
        f.instruction(&I::BrTable(
            targets.iter().map(|t| t + 1).collect::<Vec<_>>().into(),
            0,
        ));
        f.instruction(&I::End);
    }
    for _ in 0..n {
        f.instruction(&I::End);
        f.instruction(&I::I32Const(0));
        f.instruction(&I::LocalGet(0));
        f.instruction(&I::I64Store(MEM));
    }
}

/// A thousand locals that are different before a block and in it, which a table of branches leaves in `n` ways to one place.
fn table_of_one_target(f: &mut Function, n: usize) {
    f.instruction(&I::Block(BlockType::Empty));
    f.instruction(&I::LocalGet(0));
    f.instruction(&I::I32WrapI64);
    f.instruction(&I::BrIf(0));
    set_all(f);
    f.instruction(&I::LocalGet(1));
    f.instruction(&I::I32WrapI64);
    f.instruction(&I::BrTable(vec![0; n].into(), 0));
    f.instruction(&I::End);
    use_all(f);
}

/// The same, but that all ways except one lead elsewhere.
fn table_beside_locals(f: &mut Function, n: usize) {
    for _ in 0..2 {
        f.instruction(&I::Block(BlockType::Empty));
    }
    f.instruction(&I::LocalGet(0));
    f.instruction(&I::I32WrapI64);
    f.instruction(&I::BrIf(1));
    set_all(f);
    f.instruction(&I::Block(BlockType::Empty));
    f.instruction(&I::LocalGet(1));
    f.instruction(&I::I32WrapI64);
    f.instruction(&I::BrTable(vec![0; n].into(), 2));
    f.instruction(&I::End);
    f.instruction(&I::End);
    f.instruction(&I::End);
    use_all(f);
}

fn set_all(f: &mut Function) {
    for local in 0..1_000 {
        f.instruction(&I::LocalGet(local));
        f.instruction(&I::I64Const(1));
        f.instruction(&I::I64Add);
        f.instruction(&I::LocalSet(local));
    }
}

fn use_all(f: &mut Function) {
    for local in 0..1_000 {
        f.instruction(&I::I32Const(0));
        f.instruction(&I::LocalGet(local));
        f.instruction(&I::I64Store(MEM));
    }
}

fn locals_in_loops(f: &mut Function, depth: u32) {
    for _ in 0..depth {
        f.instruction(&I::Loop(BlockType::Empty));
    }
    for local in 0..275 {
        f.instruction(&I::LocalGet(local));
        f.instruction(&I::I64Const(1));
        f.instruction(&I::I64Add);
        f.instruction(&I::LocalSet(local));
    }
    for local in 0..depth {
        f.instruction(&I::LocalGet(local % 275));
        f.instruction(&I::I32WrapI64);
        f.instruction(&I::BrIf(0));
        f.instruction(&I::End);
    }
}

fn options(effort: Option<EffortLimits>) -> SandboxesOptions {
    SandboxesOptions {
        pool_size: 0,
        cache: CacheDir::Off,
        parallel: false,
        effort,
        ..Default::default()
    }
}

fn bench(effort: Option<EffortLimits>) -> Bench {
    Bench::of(Sandboxes::new(options(effort)).unwrap(), Limits::default())
}

/// The highest memory of this process since the last look, in MiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    let kib: u64 = line
        .and_then(|line| line.split_whitespace().nth(1)?.parse().ok())
        .unwrap();
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    kib >> 10
}

/// What each takes, and what it was expected to.
#[test]
#[ignore = "a measurement: cargo test --release -p wrun-host --lib compile_time -- --ignored --nocapture --test-threads 1"]
fn compile_time_of_what_is_accepted() {
    let bench = bench(Some(EffortLimits::STRANGERS));
    let mut worst: f64 = 0.0;
    let mut measure = |name: &str, make: &dyn Fn() -> Vec<u8>| {
        let wasm = make();
        peak();
        let (before, start) = (peak(), clock::now());
        let made = bench.sandboxes.compile("m", &wasm);
        let took = start.elapsed().as_secs_f64();
        let scan = inspect::Scan::new(&wasm);
        let steps = scan.map_or(0, |scan| scan.effort(&wasm).unwrap_or(0));
        let said = made.err().map_or_else(String::new, |e| e.to_string());
        println!(
            "{name:32} {:>8} bytes {took:6.2} s, expected {:6.2}, {:5} MiB {}",
            wasm.len(),
            steps as f64 * 1.5e-6,
            peak().saturating_sub(before),
            said.get(..70).unwrap_or(&said),
        );
        worst = worst.max(took);
    };
    more_bombs(&mut measure);
    bombs(&mut measure);
    assert!(worst < 12.0, "{worst}");
}

/// Those that took minutes or gigabytes are refused before they are compiled, with what is wrong with them.
#[test]
fn what_would_take_the_compiler_long_is_refused() {
    let bench = bench(Some(EffortLimits::STRANGERS));
    let long = [
        ("blocks arity 1000 x 1000", "values passed into blocks"),
        ("ifs arity 1000 x 1000", "values passed into blocks"),
        ("calls arity 1000 x 1000", "its function 1 ("),
        ("locals 100 x loops 10000", "10000 loops"),
        ("locals 1000 x loop sets 5000", "values passed into blocks"),
        ("grow 50000", "150000 blocks and branches"),
        ("nest 50000", "100000 blocks and branches"),
        ("functions 300000", "it (300001 functions"),
        ("locals 5000 x loops 1000", "branches between their uses"),
        ("types 300 x 2000", "301 types"),
        ("passive elements 1000000", "globals and tables"),
        ("elements by expression 100000", "globals and tables"),
        ("constant 1000000", "globals and tables"),
        ("table of one target 10000 x 1000", "locals that meet"),
        ("tables of locals 200", "its function 1 ("),
        ("locals in deep loops 400", "its function 1 ("),
    ];
    let mut seen = 0;
    let mut refused = |name: &str, make: &dyn Fn() -> Vec<u8>| {
        let Some((_, says)) = long.iter().find(|(long, _)| *long == name) else {
            return;
        };
        seen += 1;
        let start = clock::now();
        let error = bench.sandboxes.compile("m", &make()).expect_err(name);
        let (text, took) = (error.to_string(), start.elapsed());
        assert!(
            matches!(error.problem(), LoadProblem::TooHard { .. })
                && text.contains(says)
                && text.contains("allowed"),
            "{name}: {text}"
        );
        assert!(took.as_secs() < 5, "{name}: {took:?}");
    };
    bombs(&mut refused);
    more_bombs(&mut refused);
    assert_eq!(seen, long.len());
    let text = format!("(module){}", " ".repeat(4 << 20));
    let error = bench
        .sandboxes
        .compile("m", text.as_bytes())
        .expect_err("text");
    assert!(
        matches!(error.problem(), LoadProblem::LongText { .. }),
        "{error}"
    );
}

/// What is inside blocks counts, each in its own way.
#[test]
fn loops_count_what_is_set_in_them_once() {
    let count = |write: &dyn Fn(&mut Function)| {
        let wasm = wasm(0, 0, 1, |_| function(3, |f| write(f)));
        let scan = inspect::Scan::new(&wasm).unwrap();
        scan.effort(&wasm).unwrap()
    };
    let set = |f: &mut Function, local| {
        f.instruction(&I::I64Const(1));
        f.instruction(&I::LocalSet(local));
    };
    let open = |f: &mut Function| {
        f.instruction(&I::Loop(BlockType::Empty));
    };
    // With so many loops around, that what they take along is more than the instructions.
    let nested = |sets: &dyn Fn(&mut Function)| {
        count(&|f| {
            (0..1_000).for_each(|_| open(f));
            sets(f);
            for _ in 0..1_000 {
                f.instruction(&I::End);
            }
        })
    };
    let (none, once) = (nested(&|_| ()), nested(&|f| set(f, 0)));
    let again = nested(&|f| {
        set(f, 0);
        set(f, 0);
    });
    let another = nested(&|f| {
        set(f, 0);
        set(f, 1);
    });
    let per_local = once - none;
    assert!(per_local > 10_000, "{per_local}");
    assert!(again - once < 10, "{again} {once}");
    assert_eq!(another - once, per_local);
}
