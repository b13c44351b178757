struct Log(Vec<String>);

#[wrun::actor]
impl Log {
    fn new() -> Self {
        Log(Vec::new())
    }

    fn add(&mut self, line: &str) {
        self.0.push(line.to_owned());
    }
}

fn main() {}
