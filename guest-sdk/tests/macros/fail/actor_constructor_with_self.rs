struct Counter(i64);

#[wrun::actor]
impl Counter {
    #[wrun(constructor)]
    fn new(&self) -> Self {
        Counter(0)
    }
}

fn main() {}
