#[wrun::task(num_returns = 0)]
fn split(_n: u64) {}

fn main() {}
