#[wrun::task(num_returns = 2)]
fn split(n: u64) -> Vec<u64> {
    vec![n, n]
}

fn main() {}
