mod mine {
    pub struct Result(pub u64);
}

#[wrun::task]
fn run() -> mine::Result {
    mine::Result(1)
}

fn main() {}
