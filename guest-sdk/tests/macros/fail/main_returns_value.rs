#[wrun::main]
fn main() -> u64 {
    1
}
