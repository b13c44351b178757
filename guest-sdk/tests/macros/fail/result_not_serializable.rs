struct Report {
    lines: usize,
}

#[wrun::task]
fn run(lines: usize) -> Report {
    Report { lines }
}

fn main() {}
