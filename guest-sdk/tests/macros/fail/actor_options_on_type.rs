#[wrun::actor(max_restarts = 3)]
struct Counter(i64);

fn main() {}
