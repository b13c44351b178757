struct Counter(i64);

#[wrun::actor]
impl Counter {
    #[wrun(constructor)]
    fn new() -> Self {
        Counter(0)
    }

    #[wrun(constructor)]
    fn starting_at(n: i64) -> Self {
        Counter(n)
    }
}

fn main() {}
