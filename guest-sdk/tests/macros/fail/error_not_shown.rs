struct Failure;

#[wrun::task]
fn run() -> Result<u64, Failure> {
    Err(Failure)
}

fn main() {}
