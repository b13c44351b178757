#[wrun::task]
unsafe fn peek(address: u64) -> u64 {
    address
}

fn main() {}
