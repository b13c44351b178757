struct Counter(i64);

#[wrun::actor]
impl Counter {
    fn new() -> Self {
        Counter(0)
    }

    fn starting_at(n: i64) -> Result<Counter, String> {
        Ok(Counter(n))
    }

    fn value(&self) -> i64 {
        self.0
    }
}

fn main() {}
