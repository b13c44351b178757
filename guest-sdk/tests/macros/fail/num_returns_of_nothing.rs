#[wrun::task(num_returns = 2)]
fn split(_n: u64) {}

fn main() {}
