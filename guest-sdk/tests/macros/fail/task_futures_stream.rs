trait Stream {
    type Item;
}

#[wrun::task]
fn ticks(n: u64) -> impl Stream<Item = u64> {
    n
}

fn main() {}
