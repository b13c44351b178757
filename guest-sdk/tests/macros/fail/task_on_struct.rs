#[wrun::task]
struct Counter(i64);

fn main() {}
