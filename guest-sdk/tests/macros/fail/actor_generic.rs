#[wrun::actor]
struct Queue<T> {
    items: Vec<T>,
}

#[wrun::actor]
impl<T> Queue<T> {
    fn new() -> Self {
        Queue { items: Vec::new() }
    }
}

fn main() {}
