#[wrun::task]
fn largest<T: Ord>(list: Vec<T>) -> Option<T> {
    list.into_iter().max()
}

fn main() {}
