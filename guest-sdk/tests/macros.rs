//! What the macros accept, and how they explain mistakes: the expected messages stand beside each case.

#[test]
fn mistakes_are_explained_where_they_are() {
    trybuild::TestCases::new().compile_fail("tests/macros/fail/*.rs");
}

#[test]
fn what_is_right_compiles() {
    trybuild::TestCases::new().pass("tests/macros/pass/*.rs");
}
