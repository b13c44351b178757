struct Counter(i64);

#[wrun::actor]
impl Counter {
    fn new() -> Self {
        Counter(0)
    }

    #[wrun(retries = 3)]
    fn value(&self) -> i64 {
        self.0
    }
}

fn main() {}
