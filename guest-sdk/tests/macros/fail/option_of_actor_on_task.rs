#[wrun::task(max_restarts = 3)]
fn add(x: i64, y: i64) -> i64 {
    x + y
}

fn main() {}
