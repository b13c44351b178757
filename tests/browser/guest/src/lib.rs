//! What the dashboard's tests look at. `main` does what its first argument says, for so many times as the second one says.
//!
//! [`forecast`] is a pipeline as users have them; the others each make one thing that a page must show.

#![forbid(unsafe_code)]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what a job prints is what is looked at"
)]

mod markup;

use std::time::Instant;

use wrun::prelude::*;

/// So many numbers take 128 KiB, which makes them an object of the store.
const READINGS: u64 = 16_384;
const STATIONS: u64 = 6;

/// Longer than anybody looks. What sleeps so long is made to hold no slot.
const FOREVER: Duration = Duration::from_secs(3_600);

/// Keeps a core busy for about so long.
fn compute(millis: u64) {
    let start = Instant::now();
    let mut n = 0_u64;
    while start.elapsed() < Duration::from_millis(millis) {
        n = std::hint::black_box(n.wrapping_mul(31).wrapping_add(7));
    }
}

/// The readings of a station.
#[wrun::task]
fn load(station: u64) -> Vec<u64> {
    wrun::sleep(Duration::from_millis(30 + 11 * station));
    compute(3 + station);
    (0..READINGS).map(|n| (n * 7 + station) % 400).collect()
}

/// Without those that can't be.
#[wrun::task]
fn clean(readings: Vec<u64>) -> Vec<u64> {
    compute(6);
    readings
        .into_iter()
        .filter(|reading| *reading < 395)
        .collect()
}

/// A model of one station.
#[wrun::task]
fn fit(readings: Vec<u64>, round: u64) -> Result<u64> {
    compute(12 + 5 * (round % 3));
    if round % 5 == 4 {
        eprintln!("round {round}: few readings, the model is rough");
    }
    Ok(readings.iter().sum::<u64>() / u64::try_from(readings.len().max(1)).unwrap_or(1))
}

#[wrun::task]
fn merge(one: u64, other: u64) -> u64 {
    compute(2);
    u64::midpoint(one, other)
}

/// Has the readings of all stations cleaned and modelled, and waits for the models.
#[wrun::task]
fn model(round: u64) -> Result<u64> {
    let mut models: Vec<_> = (0..STATIONS)
        .map(|station| fit::remote(clean::remote(load::remote(station)), round))
        .collect();
    while models.len() > 1 {
        let (one, other) = (models.remove(0), models.remove(0));
        models.push(merge::remote(one, other));
    }
    models[0].get()
}

#[wrun::actor]
struct Progress {
    rounds: u64,
}

#[wrun::actor]
impl Progress {
    fn new() -> Self {
        Self { rounds: 0 }
    }

    fn done(&mut self, error: u64) -> u64 {
        compute(1);
        println!("round {} done, mean {error}", self.rounds);
        self.rounds += 1;
        self.rounds
    }

    fn rest(&mut self) {
        wrun::sleep(FOREVER);
    }

    fn break_down(&mut self) {
        panic!("the disk of the progress is full");
    }
}

/// Rounds of the pipeline, one after another.
fn forecast(rounds: u64) -> Result<()> {
    let progress = Progress::options().name("progress").remote();
    for round in 0..rounds {
        println!("round {round}: {STATIONS} stations");
        let mean = model::remote(round).get()?;
        progress.done(mean).get()?;
        wrun::sleep(Duration::from_millis(150));
    }
    Ok(())
}

#[wrun::task]
fn import(file: String) -> Result<i64> {
    eprintln!("importing {file}");
    parse_row::remote("21;4,x").get()
}

#[wrun::task]
fn parse_row(row: String) -> i64 {
    row.split(';').map(parse_cell).sum()
}

/// Panics at what is no number; a frame of its own in the backtrace.
#[inline(never)]
fn parse_cell(cell: &str) -> i64 {
    cell.parse().expect("a cell is a whole number")
}

/// Actors that live, wait, have much to do, and are dead.
fn actors(count: u64) -> Result<()> {
    let named = Progress::options()
        .name("ledger of readings")
        .detached(true)
        .get_if_exists(true);
    let named = named.remote();
    named.done(1).get()?;
    let idle: Vec<_> = (0..count).map(|_| Progress::remote()).collect();
    for actor in &idle {
        actor.done(0).get()?;
    }
    let full = Progress::options().num_cpus(0).remote();
    full.rest();
    let waiting: Vec<_> = (0..5).map(|n| full.done(n)).collect();
    let broken = Progress::options().max_restarts(1).remote();
    for _ in 0..2 {
        let _ = broken.break_down().get();
    }
    println!("{} calls wait", waiting.len());
    wrun::sleep(FOREVER);
    Ok(())
}

/// Objects of 64 KiB and more that are held.
fn objects(count: u64) -> Result<()> {
    let held: Vec<_> = (1..=count)
        .map(|n| wrun::put(vec![7_u8; usize::try_from(n << 16).unwrap_or(0)]))
        .collect();
    let loaded = load::remote(1);
    wrun::wait(std::slice::from_ref(&loaded), 1, None)?;
    println!("{} objects are held", held.len() + 1);
    wrun::sleep(FOREVER);
    Ok(())
}

#[wrun::task]
fn add(one: u64, other: u64) -> u64 {
    one + other
}

#[wrun::task(num_cpus = 0)]
fn gate() -> u64 {
    wrun::sleep(FOREVER);
    0
}

/// So many calls that run to their end, then as many that wait.
fn many(calls: u64) -> Result<()> {
    for begin in (0..calls).step_by(10_000) {
        let refs = add::map((begin..calls.min(begin + 10_000)).map(|n| (n, 1)));
        wrun::get(&refs)?;
    }
    let gate = gate::remote();
    let waiting: Vec<_> = (0..calls).map(|n| add::remote(&gate, n)).collect();
    println!("{} calls wait", waiting.len());
    wrun::sleep(FOREVER);
    Ok(())
}

#[wrun::main]
fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let count = args.get(1).and_then(|text| text.parse().ok()).unwrap_or(1);
    match args.first().map(String::as_str) {
        Some("forecast") => forecast(count),
        Some("import") => import::remote("readings.csv").get().map(drop),
        Some("actors") => actors(count),
        Some("objects") => objects(count),
        Some("lines") => {
            for n in 0..count {
                println!("reading {n} of {count}: {}", n * 7 % 400);
            }
            Ok(())
        }
        Some("ticks") => {
            for n in 0..count {
                println!("tick {n}");
                wrun::sleep(Duration::from_millis(100));
            }
            Ok(())
        }
        Some("many") => many(count),
        Some("markup") => markup::show(),
        Some("broken") => markup::broken(),
        Some("marked") => markup::say_all(args.get(1).map_or("", String::as_str)),
        _ => wrun::bail!("there is no `{args:?}`"),
    }
}
