#[wrun::task(num_returns = 2)]
fn split(n: u64) -> Result<(u64, u64, u64), String> {
    Ok((n, n, n))
}

fn main() {}
