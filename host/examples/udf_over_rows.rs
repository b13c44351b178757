//! Runs a user's function over rows, each call in a sandbox of its own, from a Rust service.
//!
//! `cargo run --release -p wrun-host --example udf_over_rows [MODULE TASK]`: without arguments it uses the guest
//! `tests/abi/by_hand.wat`, whose task `next` takes one digit.

use wrun_host::{JobOptions, Runtime, RuntimeOptions};

#[allow(clippy::print_stdout, reason = "an example prints")]
#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let by_hand = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/abi/by_hand.wat");
    let path = args.next().unwrap_or_else(|| by_hand.to_owned());
    let task = args.next().unwrap_or_else(|| "next".to_owned());

    // The ten lines that matter: a runtime, the customer's module, a job; then calls, all at once.
    let runtime = Runtime::start(RuntimeOptions::default())?;
    let module = runtime.load(&path, std::fs::read(&path)?).await?;
    let job = runtime.open(&module, JobOptions::default())?;
    let mut results = Vec::new();
    for row in 0..9_u8 {
        results.push(job.call(&task, (row,)).await?);
    }
    for (row, result) in results.iter().enumerate() {
        println!("{row} -> {}", result.json().await?);
    }
    job.close().await;

    runtime.shutdown().await;
    Ok(())
}
