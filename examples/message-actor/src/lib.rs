//! Three tasks send messages to an actor; the driver takes them out now and then, while the tasks go on.
//!
//! Part "Manejadores de Actor" of the third tutorial. When `main` returns, the workers are cancelled: the job is over.
//!
//! ```sh
//! wrun submit examples/message-actor --num-cpus 4
//! ```

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    reason = "the example prints what the notebook prints"
)]

use wrun::prelude::*;

#[wrun::actor]
struct MessageActor {
    messages: Vec<String>,
}

#[wrun::actor]
impl MessageActor {
    fn new() -> Self {
        Self {
            messages: Vec::new(),
        }
    }

    fn add_message(&mut self, message: String) {
        self.messages.push(message);
    }

    fn get_and_clear_messages(&mut self) -> Vec<String> {
        std::mem::take(&mut self.messages)
    }
}

#[wrun::task]
fn worker(message_actor: Handle<MessageActor>, j: usize, second: Duration) {
    for i in 0..100 {
        wrun::sleep(second);
        message_actor.add_message(format!("Message {i} from worker {j}."));
    }
}

#[wrun::main]
fn main() -> wrun::Result<()> {
    let second = second();
    let message_actor = MessageActor::remote();
    let _workers: Vec<ObjectRef<()>> = (0..3)
        .map(|j| worker::remote(&message_actor, j, second))
        .collect();

    for _ in 0..10 {
        let new_messages = message_actor.get_and_clear_messages().get()?;
        println!(
            "New messages: {}",
            format!("{new_messages:?}").replace('"', "'")
        );
        wrun::sleep(second);
    }
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
