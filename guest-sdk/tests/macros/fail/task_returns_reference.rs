#[wrun::task]
fn first(words: Vec<String>) -> &'static str {
    "first"
}

fn main() {}
