use wrun::prelude::*;

#[wrun::task]
fn add(x: i64, y: i64) -> i64 {
    x + y
}

fn main() {
    let text: ObjectRef<String> = wrun::put("1".to_owned());
    add::remote("1", 2);
    add::remote(text, 2);
    add::remote(1);
}
