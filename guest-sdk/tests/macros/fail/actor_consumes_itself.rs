struct Counter(i64);

#[wrun::actor]
impl Counter {
    fn new() -> Self {
        Counter(0)
    }

    fn finish(self) -> i64 {
        self.0
    }
}

fn main() {}
