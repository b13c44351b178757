#[wrun::actor]
fn counter() -> i64 {
    0
}

fn main() {}
