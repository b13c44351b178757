#[wrun::task]
fn show(n: u64) -> impl std::fmt::Display {
    n
}

fn main() {}
