#[wrun::task]
fn sum(numbers: &[u64], scale: u64) -> u64 {
    numbers.iter().sum::<u64>() * scale
}

fn main() {}
