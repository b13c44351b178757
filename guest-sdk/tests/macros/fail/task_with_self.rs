struct Counter(i64);

impl Counter {
    #[wrun::task]
    fn inc(&mut self) -> i64 {
        self.0 += 1;
        self.0
    }
}

fn main() {}
