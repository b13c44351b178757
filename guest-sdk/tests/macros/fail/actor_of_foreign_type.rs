#[wrun::actor]
impl Vec<u64> {
    fn total(&self) -> u64 {
        self.iter().sum()
    }
}

fn main() {}
