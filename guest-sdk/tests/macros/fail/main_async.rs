#[wrun::main]
async fn main() {}
