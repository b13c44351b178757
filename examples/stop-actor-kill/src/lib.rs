//! Stopping an actor that is at work, the hard way: `kill` ends it at once, and its last line never appears.
//!
//! Last part of the third tutorial. Its other way is the example `stop-actor-terminate`.
//!
//! ```sh
//! wrun submit examples/stop-actor-kill
//! ```

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    reason = "the example prints what the notebook prints"
)]

use wrun::prelude::*;

#[wrun::actor]
struct Task;

#[wrun::actor]
impl Task {
    fn new() -> Self {
        Self
    }

    fn run(&self, second: Duration) {
        println!("Started long-running task");
        wrun::sleep(second * 10);
        println!("You shouldn't see this because the process has been killed");
    }
}

#[wrun::main]
fn main() -> wrun::Result<()> {
    let second = second();
    let task = Task::remote();
    let work = task.run(second);
    wrun::sleep(second * 2);
    task.kill()?;
    match work.get() {
        Ok(()) => println!("the work was finished"),
        Err(error) => println!("the work was not finished: {}", error.message()),
    }
    wrun::sleep(second * 10);
    Ok(())
}

/// A second of the notebook: as long as the first argument says, in seconds, or a tenth of one.
fn second() -> Duration {
    let scale = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0.1);
    Duration::from_secs_f64(scale)
}
