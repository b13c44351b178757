//! What jobs on a server do: print, fail, wait, use time and room. `main` does what its first argument says.

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what a job prints is what is looked at"
)]

use std::time::{Duration, Instant};

use wrun::prelude::*;

/// Twice as much.
#[wrun::task]
fn double(n: i64) -> i64 {
    2 * n
}

/// A text of that many bytes.
#[wrun::task]
fn text(bytes: usize) -> String {
    "x".repeat(bytes)
}

/// Never ends by itself.
#[wrun::task]
fn spin() -> u64 {
    let mut n = 0_u64;
    loop {
        n = std::hint::black_box(n.wrapping_add(1));
    }
}

/// Waits, and tells how often the job was begun before.
#[wrun::task]
fn nap(millis: u64) -> Result<u32> {
    wrun::sleep(Duration::from_millis(millis));
    Ok(wrun::context()?.job_attempt)
}

/// That many small tasks; the sum of what they give.
#[wrun::task]
fn many(tasks: i64) -> Result<i64> {
    let refs: Vec<_> = (0..tasks).map(double::remote).collect();
    Ok(wrun::get(&refs)?.iter().sum())
}

/// How many seconds that many small tasks take.
#[wrun::task]
fn timed(tasks: i64) -> Result<f64> {
    let start = Instant::now();
    let refs: Vec<_> = (0..tasks).map(double::remote).collect();
    let sum: i64 = wrun::get(&refs)?.iter().sum();
    wrun::ensure!(sum == tasks * (tasks - 1), "a task is wrong");
    Ok(start.elapsed().as_secs_f64())
}

/// Keeps a core busy for so long.
#[wrun::task]
fn busy(micros: u64) -> u64 {
    let start = Instant::now();
    let mut n = 0_u64;
    while start.elapsed() < Duration::from_micros(micros) {
        n = std::hint::black_box(n.wrapping_add(1));
    }
    n
}

/// That many busy tasks at once, to their end.
#[wrun::task]
fn flood(tasks: u64, micros: u64) -> Result<()> {
    let refs: Vec<_> = (0..tasks).map(|_| busy::remote(micros)).collect();
    wrun::get(&refs).map(drop)
}

/// One small task at a time, that many: the times of the middle one and of the longest but a hundredth, in microseconds.
#[wrun::task]
fn probe(tasks: usize) -> Result<Vec<u64>> {
    let mut times = Vec::with_capacity(tasks);
    for _ in 0..tasks {
        let start = Instant::now();
        double::remote(1).get()?;
        times.push(u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX));
        wrun::sleep(Duration::from_millis(2));
    }
    times.sort_unstable();
    Ok(vec![times[tasks / 2], times[tasks * 99 / 100]])
}

#[wrun::actor]
struct Counter {
    count: u64,
}

#[wrun::actor]
impl Counter {
    fn new() -> Self {
        Self { count: 0 }
    }

    fn add(&mut self) -> u64 {
        self.count += 1;
        self.count
    }
}

/// Counts in an actor that every job of the tenant finds.
#[wrun::task]
fn shared(name: String) -> Result<u64> {
    let counter = match wrun::get_actor::<Counter>(&name) {
        Ok(counter) => counter,
        Err(_) => Counter::options().name(&name).detached(true).remote(),
    };
    counter.add().get()
}

#[wrun::main]
fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| args.get(at).and_then(|text| text.parse().ok()).unwrap_or(0);
    match args.first().map(String::as_str) {
        Some("lines") => (0..number(1)).for_each(|n| println!("line {n}")),
        Some("exit") => std::process::exit(i32::try_from(number(1)).unwrap_or(1)),
        Some("fail") => wrun::bail!("it was to fail"),
        Some("nap") => {
            println!("attempt {}", wrun::context()?.job_attempt);
            wrun::sleep(Duration::from_millis(number(1)));
            println!("done");
        }
        Some("env") => println!("{}", std::env::var("GREETING").unwrap_or_default()),
        Some("read") => println!(
            "{}",
            std::fs::read_to_string("/data/file").unwrap_or_default()
        ),
        _ => {
            println!("hello {}", args.join(" "));
            eprintln!("on the other stream");
            println!("{}", double::remote(21).get()?);
        }
    }
    Ok(())
}
