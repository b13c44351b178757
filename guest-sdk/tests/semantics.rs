//! Local mode keeps what is promised: each case of `semantics/` is a test.

#[allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "the cases are tests, and a guest prints"
)]
#[path = "semantics/src/lib.rs"]
mod semantics;

macro_rules! tests {
    ($($module:ident::{$($case:ident),*})*) => {$(
        mod $module {
            $(
                #[test]
                fn $case() {
                    let (_, case) = crate::semantics::CASES
                        .iter()
                        .find(|(name, _)| *name == stringify!($case))
                        .expect("the macro lists it");
                    wrun::local::Options::new().slots(4).run(case).expect("no error");
                }
            )*
        }
    )*};
}
semantics::for_each_case!(tests);
