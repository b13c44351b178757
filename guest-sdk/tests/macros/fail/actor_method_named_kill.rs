struct Hunter;

#[wrun::actor]
impl Hunter {
    fn new() -> Self {
        Hunter
    }

    fn kill(&mut self) -> bool {
        true
    }
}

fn main() {}
