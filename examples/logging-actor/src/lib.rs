//! An actor that three experiments write to, and that is read while they run.
//!
//! Part "Compartir referencias a un Actor" of the Ray tutorial. The handle goes to the tasks as an argument.
//!
//! ```sh
//! wrun submit examples/logging-actor --num-cpus 4
//! ```

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    reason = "the example prints what the notebook prints"
)]

use std::collections::BTreeMap;

use wrun::prelude::*;

type Logs = BTreeMap<usize, Vec<String>>;

#[wrun::actor]
#[derive(Default)]
struct LoggingActor {
    logs: Logs,
}

#[wrun::actor]
impl LoggingActor {
    fn new() -> Self {
        Self::default()
    }

    fn log(&mut self, index: usize, message: String) {
        self.logs.entry(index).or_default().push(message);
    }

    fn get_logs(&self) -> Logs {
        self.logs.clone()
    }
}

#[wrun::task]
fn run_experiment(index: usize, logging_actor: Handle<LoggingActor>, second: Duration) {
    for i in 0..60 {
        wrun::sleep(second);
        logging_actor.log(index, format!("Iteración numero: {i}"));
    }
}

#[wrun::main]
fn main() -> wrun::Result<()> {
    let second = second();
    let logging_actor = LoggingActor::remote();
    let experiments: Vec<ObjectRef<()>> = (0..3)
        .map(|i| run_experiment::remote(i, &logging_actor, second))
        .collect();

    // The notebook says: run this again and again, and see how it changes.
    loop {
        let (_, running) = wrun::wait(&experiments, 3, Some(second * 15))?;
        let logs = logging_actor.get_logs().get()?;
        println!("{}", format!("{logs:?}").replace('"', "'"));
        if running.is_empty() {
            return Ok(());
        }
    }
}

/// A second of the notebook: as long as the first argument says, in seconds, or a fiftieth of one.
fn second() -> Duration {
    let scale = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(0.02);
    Duration::from_secs_f64(scale)
}
