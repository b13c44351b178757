//! What compiling a module would take, told from its text: the compiler can't be interrupted, so what it is given is
//! bounded beforehand.
//!
//! [`Effort`] counts *steps*, of about 1.5 µs where they were measured. Most instructions are one. What makes
//! the compiler's time more than linear is counted for each function as it was measured, rather too high: blocks and
//! branches with each other, how far a local's value is from its use, and values that loops and blocks take with them (locals set in each loop around, parameters and
//! results of blocks; locals that meet at the targets of tables of branches) with the blocks that these pass. What types, globals and
//! tables take beside the functions is counted too ([`of_types`], [`of_initial`]). Code from compilers for real programs has few such values, so that the
//! limits leave room for functions of hundreds of kilobytes; a module of three kilobytes made for it takes gigabytes
//! without them.
//!
//! Invariant: counting takes time and memory linear in the module's size, up to a logarithm. It knows nothing of the
//! compiler but what was measured, and is wrong by a factor of several for code that is not made to be slow.

use std::fmt;

use wasmparser::{
    BinaryReaderError, BlockType, ConstExpr, DataKind, Element, ElementItems, ElementKind,
    FuncType, FunctionBody, Operator, Payload, TableInit,
};

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
/// So many loops that a local is taken through, each as often as it is deep, are a step.
const DEPTHS: u64 = 2;
/// So many locals that meet at the targets of tables of branches are a step.
const MET: u64 = 2;
/// So many entries of a table that are looked through for such a local are one that meets.
const SOUGHT: u64 = 500;
/// Steps of a type that no other one is like, and of each of its values: the code that takes a call of the type in and out.
const TYPE: u64 = 60;
const TYPE_VALUE: u64 = 16;
/// Steps of an instruction in an initial value, beyond a few.
const INITIAL: u64 = 8;
const FEW: u64 = 4;
/// Steps of a function that a table gets while the module runs, or by an expression: each is made by code of its own.
const ELEMENT: u64 = 12;
const ELEMENT_BY_EXPRESSION: u64 = 64;

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
    /// Loops that locals are taken through, each as often as it is deep.
    depths: u64,
    /// Locals that were set before a table's branch and after its target began.
    met: u64,
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
            self.depths / DEPTHS,
            self.met / MET,
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
            depths,
            met,
            ..
        } = self;
        write!(
            f,
            "{branches} blocks and branches, {loops} loops, {locals} locals with {reached} branches between their uses, {values} values passed into blocks and loops"
        )?;
        if *depths > 1_000_000 {
            write!(f, ", {depths} times a local through a loop")?;
        }
        if *met > 1_000_000 {
            write!(
                f,
                ", {met} locals that meet at targets of tables of branches"
            )?;
        }
        Ok(())
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
        labels: vec![Label {
            values: ty.map_or(0, |ty| ty.results().len() as u64),
            sets: 0,
        }],
        sets: 0,
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

/// What the types of a module take.
pub(super) fn of_types<'t>(types: impl Iterator<Item = &'t FuncType>) -> u64 {
    let mut known = rustc_hash::FxHashSet::default();
    types
        .filter(|ty| known.insert(*ty))
        .map(|ty| TYPE + TYPE_VALUE * values(Some(ty)))
        .fold(0, u64::saturating_add)
}

/// What a part of a module takes that says what is in its globals and tables at the start.
pub(super) fn of_initial(payload: &Payload<'_>) -> Result<u64, BinaryReaderError> {
    let mut steps = 0_u64;
    match payload {
        Payload::GlobalSection(globals) => {
            for global in globals.clone() {
                steps = steps.saturating_add(initial(&global?.init_expr)?);
            }
        }
        Payload::TableSection(tables) => {
            for table in tables.clone() {
                if let TableInit::Expr(value) = &table?.init {
                    steps = steps.saturating_add(initial(value)?);
                }
            }
        }
        Payload::DataSection(segments) => {
            for segment in segments.clone() {
                if let DataKind::Active { offset_expr, .. } = &segment?.kind {
                    steps = steps.saturating_add(initial(offset_expr)?);
                }
            }
        }
        Payload::ElementSection(segments) => {
            for segment in segments.clone() {
                steps = steps.saturating_add(elements(&segment?)?);
            }
        }
        _ => {}
    }
    Ok(steps)
}

fn initial(value: &ConstExpr<'_>) -> Result<u64, BinaryReaderError> {
    let mut operators = 0_u64;
    for operator in value.get_operators_reader() {
        operator?;
        operators += 1;
    }
    Ok(INITIAL * operators.saturating_sub(FEW))
}

fn elements(segment: &Element<'_>) -> Result<u64, BinaryReaderError> {
    let mut steps = match &segment.kind {
        ElementKind::Active { offset_expr, .. } => initial(offset_expr)?,
        ElementKind::Passive | ElementKind::Declared => ELEMENT,
    };
    match &segment.items {
        ElementItems::Functions(items) => {
            if !matches!(segment.kind, ElementKind::Active { .. }) {
                steps = steps.saturating_add(ELEMENT * u64::from(items.count()));
            }
        }
        ElementItems::Expressions(_, items) => {
            for item in items.clone() {
                steps = steps.saturating_add(ELEMENT_BY_EXPRESSION + initial(&item?)?);
            }
        }
    }
    Ok(steps)
}

/// Parameters and results.
fn values(ty: Option<&FuncType>) -> u64 {
    ty.map_or(0, |ty| (ty.params().len() + ty.results().len()) as u64)
}

struct Count<'a, T> {
    types: &'a T,
    effort: Effort,
    /// The open blocks.
    labels: Vec<Label>,
    /// How often locals were set.
    sets: u64,
    /// The open blocks that are loops: which, and when each was opened.
    loops: Vec<(usize, u64)>,
    /// Of each local.
    uses: Vec<Use>,
    at: u64,
}

/// An open block.
#[derive(Debug, Clone, Copy, Default)]
struct Label {
    /// How many values a branch to it takes.
    values: u64,
    /// How often locals had been set before it.
    sets: u64,
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
                self.branch(self.label(*relative_depth).values);
            }
            Operator::BrTable { targets } => {
                let depths = targets.targets().flatten();
                self.table(depths.chain([targets.default()]).collect());
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

    /// A branch to one of these. Each is an edge of its own, also beside others to the same target, and takes what was set since
    /// its target began; each of these locals is looked for among all of them.
    fn table(&mut self, mut depths: Vec<u32>) {
        let mut most = 0;
        for depth in &depths {
            let label = self.label(*depth);
            let set = (self.sets - label.sets).min(self.effort.locals);
            self.effort.linear += label.values + 1;
            self.effort.met += set;
            most = most.max(set);
        }
        self.effort.met += most.saturating_mul(depths.len() as u64) / SOUGHT;
        depths.sort_unstable();
        depths.dedup();
        self.branches(1 + depths.len() as u64);
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
        self.labels.push(Label {
            values: if is_loop { params } else { results },
            sets: self.sets,
        });
    }

    fn close(&mut self) {
        self.labels.pop();
        if let Some((label, _)) = self.loops.last()
            && *label == self.labels.len()
        {
            self.loops.pop();
        }
    }

    fn label(&self, depth: u32) -> Label {
        let depth = usize::try_from(depth).unwrap_or(usize::MAX);
        let at = self.labels.len().checked_sub(depth.saturating_add(1));
        at.and_then(|at| self.labels.get(at))
            .copied()
            .unwrap_or_default()
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
            let taken = (self.loops.len() - before) as u64;
            self.effort.values += taken;
            self.effort.depths += taken * self.loops.len() as u64;
            last.set = self.at;
        }
        self.sets += 1;
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
