struct Log(Vec<String>);

#[wrun::actor]
impl Log {
    fn new() -> Self {
        Log(Vec::new())
    }

    async fn add(&mut self, line: String) {
        self.0.push(line);
    }
}

fn main() {}
