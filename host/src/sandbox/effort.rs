//! What compiling a module would take, told from its text: the compiler can't be interrupted, so what it is given is
//! bounded beforehand.
//!
//! [`Effort`] counts *steps*, of about 1.5 µs where they were measured. Most instructions are one. What makes
//! the compiler's time more than linear is counted for each function as it was measured, rather too high: blocks and
//! branches with each other, how far a local's value is from its use, and values that loops and blocks take with them (locals set in each loop around, parameters and
//! results of blocks) with the blocks that these pass. Code from compilers for real programs has few such values, so that the
//! limits leave room for functions of hundreds of kilobytes; a module of three kilobytes made for it takes gigabytes
//! without them.
//!
//! Invariant: counting takes time and memory linear in the module's size, up to a logarithm. It knows nothing of the
//! compiler but what was measured, and is wrong by a factor of several for code that is not made to be slow.

use std::fmt;

use wasmparser::{BinaryReaderError, BlockType, FuncType, FunctionBody, Operator};

/// Steps that a function takes by itself, with the code that lets the host and others call it.
const FUNCTION: u64 = 60;
/// Steps of each value that a call passes.
const PASSED: u64 = 4;
/// Steps of an instruction that calls the host.
const HOST_CALL: u64 = 12;
/// So many blocks and branches, squared, are a step.
const BRANCHES: u64 = 750;
/// So many loops, squared, are a step.
const LOOPS: u64 = 37;
/// So many branches between a local's use and the one before it are a step.
const REACHED: u64 = 4;
/// Steps of a conversion or division, which look for what can't be done.
const CHECKED: u64 = 2;
/// So many values taken along, times blocks, are a step.
const VALUES: u64 = 50;

/// How much compiling may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EffortLimits {
    /// Steps of one function; they are memory too, of about a kilobyte for each.
    pub function: u64,
    /// Steps of a module.
    pub module: u64,
}

impl EffortLimits {
    /// For modules of whoever: a function takes three seconds at most, a module ten, as the steps were measured.
    pub const STRANGERS: Self = Self {
        function: 2_000_000,
        module: 6_500_000,
    };
}

/// What a function is made of, for its steps and for the message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Effort {
    /// Instructions, by what each takes.
    linear: u64,
    /// Blocks and branches.
    branches: u64,
    loops: u64,
    locals: u64,
    /// Branches, and loops four times, between the uses of each local: what the compiler goes back to find its value.
    reached: u64,
    /// Values that blocks and loops take with them.
    values: u64,
}

impl Effort {
    pub(super) fn steps(&self) -> u64 {
        let product = |a: u64, b: u64, part: u64| a.saturating_mul(b) / part;
        [
            self.linear,
            product(self.branches, self.branches, BRANCHES),
            product(self.loops, self.loops, LOOPS),
            self.reached / REACHED,
            product(self.values, self.branches, VALUES),
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }
}

impl fmt::Display for Effort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            branches,
            loops,
            locals,
            reached,
            values,
            ..
        } = self;
        write!(
            f,
            "{branches} blocks and branches, {loops} loops, {locals} locals with {reached} branches between their uses, {values} values passed into blocks and loops"
        )
    }
}

/// What a module's functions and types are, as far as operators refer to them.
pub(super) trait Types {
    /// A type by its index.
    fn ty(&self, index: u32) -> Option<&FuncType>;
    /// A function's type.
    fn function(&self, index: u32) -> Option<&FuncType>;
}

/// What one function takes. Its code has been validated.
pub(super) fn of(
    types: &impl Types,
    ty: Option<&FuncType>,
    body: &FunctionBody<'_>,
) -> Result<Effort, BinaryReaderError> {
    let mut count = Count {
        types,
        effort: Effort {
            linear: FUNCTION.saturating_add(values(ty)),
            ..Effort::default()
        },
        labels: vec![ty.map_or(0, |ty| ty.results().len() as u64)],
        loops: Vec::new(),
        uses: Vec::new(),
        at: 0,
    };
    let mut locals = ty.map_or(0, |ty| ty.params().len() as u64);
    for group in body.get_locals_reader()? {
        locals += u64::from(group?.0);
    }
    count.effort.locals = locals;
    // The validator lets at most 50,000 through.
    let locals = usize::try_from(locals).unwrap_or(0).min(1 << 20);
    count.uses.resize(locals, Use::default());
    for operator in body.get_operators_reader()? {
        count.operator(&operator?);
    }
    Ok(count.effort)
}

/// Parameters and results.
fn values(ty: Option<&FuncType>) -> u64 {
    ty.map_or(0, |ty| (ty.params().len() + ty.results().len()) as u64)
}

struct Count<'a, T> {
    types: &'a T,
    effort: Effort,
    /// How many values a branch to each open block takes.
    labels: Vec<u64>,
    /// The open blocks that are loops: which, and when each was opened.
    loops: Vec<(usize, u64)>,
    /// Of each local.
    uses: Vec<Use>,
    at: u64,
}

/// When a local was set last, and how far the function was when it was used last.
#[derive(Debug, Clone, Copy, Default)]
struct Use {
    set: u64,
    far: u64,
}

impl<T: Types> Count<'_, T> {
    fn operator(&mut self, operator: &Operator<'_>) {
        self.at += 1;
        self.effort.linear += 1;
        match operator {
            Operator::Block { blockty } | Operator::If { blockty } => self.open(*blockty, false),
            Operator::Loop { blockty } => self.open(*blockty, true),
            Operator::Else => self.branch(0),
            Operator::End => self.close(),
            Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => {
                self.branch(self.label(*relative_depth));
            }
            Operator::BrTable { targets } => {
                let targets = targets.targets().flatten().map(|depth| self.label(depth));
                let passed: u64 = targets.map(|values| values + 1).sum();
                self.effort.linear += passed;
                self.branch(0);
            }
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                self.call(self.types.function(*function_index));
            }
            Operator::CallIndirect { type_index, .. }
            | Operator::ReturnCallIndirect { type_index, .. } => {
                self.branches(3);
                self.call(self.types.ty(*type_index));
            }
            Operator::LocalGet { local_index } => self.reach(*local_index),
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                self.reach(*local_index);
                self.set(*local_index);
            }
            other if calls_host(other) => {
                self.effort.linear += HOST_CALL;
                self.branches(3);
            }
            other if is_checked(other) => self.effort.linear += CHECKED,
            _ => {}
        }
    }

    fn call(&mut self, ty: Option<&FuncType>) {
        let passed = PASSED.saturating_mul(values(ty) + 1);
        self.effort.linear = self.effort.linear.saturating_add(passed);
    }

    fn branches(&mut self, more: u64) {
        self.effort.branches += more;
    }

    fn branch(&mut self, values: u64) {
        self.branches(1);
        self.effort.linear = self.effort.linear.saturating_add(values);
    }

    fn open(&mut self, ty: BlockType, is_loop: bool) {
        let (params, results) = match ty {
            BlockType::Empty => (0, 0),
            BlockType::Type(_) => (0, 1),
            BlockType::FuncType(index) => self.types.ty(index).map_or((0, 0), |ty| {
                (ty.params().len() as u64, ty.results().len() as u64)
            }),
        };
        self.branches(1);
        // One result of a block is what every compiler makes.
        let taken = params + results.saturating_sub(1);
        self.effort.values = self.effort.values.saturating_add(taken);
        if is_loop {
            self.effort.loops += 1;
            self.loops.push((self.labels.len(), self.at));
        }
        self.labels.push(if is_loop { params } else { results });
    }

    fn close(&mut self) {
        self.labels.pop();
        if let Some((label, _)) = self.loops.last()
            && *label == self.labels.len()
        {
            self.loops.pop();
        }
    }

    fn label(&self, depth: u32) -> u64 {
        let depth = usize::try_from(depth).unwrap_or(usize::MAX);
        let at = self.labels.len().checked_sub(depth.saturating_add(1));
        at.and_then(|at| self.labels.get(at)).copied().unwrap_or(0)
    }

    /// Its value is looked for, back to where it was used before.
    fn reach(&mut self, local: u32) {
        let at = usize::try_from(local).unwrap_or(usize::MAX);
        let far = self.effort.branches + 4 * self.effort.loops;
        if let Some(last) = self.uses.get_mut(at) {
            self.effort.reached += far - last.far;
            last.far = far;
        }
    }

    /// Each loop around takes it along, unless it did so before: those that were open when it was set last.
    fn set(&mut self, local: u32) {
        let at = usize::try_from(local).unwrap_or(usize::MAX);
        if let Some(last) = self.uses.get_mut(at) {
            let before = self
                .loops
                .partition_point(|(_, opened)| *opened <= last.set);
            self.effort.values += (self.loops.len() - before) as u64;
            last.set = self.at;
        }
    }
}

/// What is made into a call of the runtime, with what it checks.
fn calls_host(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::MemoryGrow { .. }
            | Operator::MemoryFill { .. }
            | Operator::MemoryCopy { .. }
            | Operator::MemoryInit { .. }
            | Operator::DataDrop { .. }
            | Operator::ElemDrop { .. }
            | Operator::RefFunc { .. }
            | Operator::TableGet { .. }
            | Operator::TableSet { .. }
            | Operator::TableGrow { .. }
            | Operator::TableFill { .. }
            | Operator::TableCopy { .. }
            | Operator::TableInit { .. }
    )
}

/// What looks for zeros, overflow or what is no number.
fn is_checked(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::I32TruncF32S
            | Operator::I32TruncF32U
            | Operator::I32TruncF64S
            | Operator::I32TruncF64U
            | Operator::I64TruncF32S
            | Operator::I64TruncF32U
            | Operator::I64TruncF64S
            | Operator::I64TruncF64U
            | Operator::I32DivS
            | Operator::I32DivU
            | Operator::I32RemS
            | Operator::I32RemU
            | Operator::I64DivS
            | Operator::I64DivU
            | Operator::I64RemS
            | Operator::I64RemU
    )
}
