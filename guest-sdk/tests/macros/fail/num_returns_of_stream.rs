#[wrun::task(num_returns = 2)]
fn count(n: u64) -> impl Iterator<Item = u64> {
    0..n
}

fn main() {}
