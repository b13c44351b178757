struct Config {
    verbose: bool,
}

#[wrun::task]
fn run(config: Config) -> bool {
    config.verbose
}

fn main() {}
