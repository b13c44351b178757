#[wrun::task(max_retries = "three")]
fn add(x: i64, y: i64) -> i64 {
    x + y
}

fn main() {}
