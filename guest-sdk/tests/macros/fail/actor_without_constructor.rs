#[wrun::actor]
struct Counter(i64);

#[wrun::actor]
impl Counter {
    fn inc(&mut self) -> i64 {
        self.0 += 1;
        self.0
    }
}

fn main() {}
