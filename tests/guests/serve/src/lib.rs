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

    fn rest(&mut self, millis: u64) {
        wrun::sleep(Duration::from_millis(millis));
    }

    fn add_to(&mut self, n: u32) -> u64 {
        self.count += u64::from(n);
        self.count
    }

    fn ask_itself(&mut self) -> Result<u64> {
        wrun::this_actor::<Self>()?.add().get()
    }

    fn break_down(&mut self) {
        panic!("the counter broke\nfor good");
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

/// Makes so many actors and keeps them.
#[wrun::task]
fn actors(count: usize) -> Result<u64> {
    let made: Vec<_> = (0..count).map(|_| Counter::remote()).collect();
    let counts: Vec<_> = made.iter().map(|actor| actor.add()).collect();
    Ok(wrun::get(&counts)?.iter().sum())
}

/// Makes a detached actor and waits; begun again, it tells what comes of looking the actor up.
#[wrun::task]
fn meet_again(name: String, millis: u64) -> Result<String> {
    if wrun::context()?.job_attempt == 0 {
        let counter = Counter::options().name(&name).detached(true).remote();
        println!("{}", counter.add().get()?);
        wrun::sleep(Duration::from_millis(millis));
    }
    Ok(match wrun::get_actor::<Counter>(&name) {
        Ok(_) => "it is there".to_owned(),
        Err(error) => error.to_string(),
    })
}

/// Breaks an actor of another job, and tells what the handle is good for then.
#[wrun::task]
fn outlive(name: String) -> Result<String> {
    let counter = wrun::get_actor::<Counter>(&name)?;
    let _broke = counter.break_down().get();
    match counter.add().get() {
        Ok(_) => Ok("it lives".to_owned()),
        Err(error) => Ok(error.to_string()),
    }
}

/// Opens a file so often and keeps all of them open for a while; what the last one said.
#[wrun::task]
fn opens(files: usize, millis: u64) -> String {
    let opened: Vec<_> = (0..files)
        .map(|_| std::fs::File::open("/data/file"))
        .collect();
    wrun::sleep(Duration::from_millis(millis));
    match opened.into_iter().rev().find_map(std::io::Result::err) {
        None => "all are open".to_owned(),
        Some(error) => error.to_string(),
    }
}

/// Waits for a task that naps.
#[wrun::task]
fn wait_for_nap(millis: u64) -> Result<u32> {
    nap::remote(millis).get()
}

/// That many naps at once, to their end.
#[wrun::task]
fn naps(tasks: u64, millis: u64) -> Result<()> {
    let refs: Vec<_> = (0..tasks).map(|_| nap::remote(millis)).collect();
    wrun::get(&refs).map(drop)
}

/// Fails as often as it is tried.
#[wrun::task]
fn fails(why: String) -> Result<()> {
    eprintln!("about to fail: {why}");
    wrun::bail!("{why}\nand more of it")
}

#[wrun::task]
fn after(first: u32) -> u32 {
    first + 1
}

/// Waits for a task whose argument fails.
#[wrun::task]
fn inherits(why: String) -> Result<u32> {
    after::remote(unlucky::remote(why)).get()
}

#[wrun::task]
fn unlucky(why: String) -> Result<u32> {
    wrun::bail!("{why}")
}

/// Takes more stack than there is.
#[wrun::task]
fn overflow() -> u64 {
    fn deeper(n: u64) -> u64 {
        let frame = std::hint::black_box([n; 64]);
        if frame[0] == u64::MAX {
            return 0;
        }
        frame[1] + deeper(n + 1)
    }
    deeper(0)
}

/// Leaves one task in each state, and actors that live and died, and goes on to live for so long.
#[wrun::task]
fn scene(millis: u64) -> Result<()> {
    let _failed = fails::remote("the first");
    let cancelled = nap::remote(millis);
    wrun::sleep(Duration::from_millis(50));
    cancelled.cancel()?;
    let again = fails::options().max_retries(2).retry_errors(true);
    let _unable = again.remote("the last").get();
    let _blocked = wait_for_nap::remote(millis);
    let counter = Counter::options().name("counter").detached(true).remote();
    counter.add().get()?;
    let _resting = counter.rest(millis);
    let _calls: Vec<_> = (0..3).map(|_| counter.add()).collect();
    let broken = Counter::remote();
    let _broke = broken.break_down().get();
    let idle = Counter::options().name("idle").remote();
    idle.add().get()?;
    let late = nap::remote(millis);
    let _waiting = after::remote(&late);
    let _busy: Vec<_> = (0..20).map(|_| nap::remote(millis)).collect();
    wrun::sleep(Duration::from_millis(millis));
    Ok(())
}

/// Calls itself so many levels deep, each waiting for the next; the last one waits for a nap.
#[wrun::task]
fn deep(levels: u32, millis: u64) -> Result<u32> {
    match levels {
        0 => nap::remote(millis).get(),
        n => deep::remote(n - 1, millis).get(),
    }
}

/// Waits until so many of its naps are over.
#[wrun::task]
fn some_of(naps: u64, enough: usize, millis: u64) -> Result<usize> {
    let refs: Vec<_> = (0..naps).map(|_| nap::remote(millis)).collect();
    Ok(wrun::wait(&refs, enough, None)?.0.len())
}

/// Fails, so many levels below, each of which passes that on.
#[wrun::task]
fn sink(levels: u32) -> Result<()> {
    match levels {
        0 => wrun::bail!("at the bottom\nof it all"),
        n => sink::remote(n - 1).get(),
    }
}

#[wrun::task]
fn no_number() -> Result<u32> {
    wrun::bail!("no number")
}

#[wrun::task]
fn breaks(why: String) -> u32 {
    panic!("{why}")
}

/// The numbers below that, each after a while.
#[wrun::task]
fn numbers(count: u64, millis: u64) -> impl Iterator<Item = u64> {
    (0..count).inspect(move |_| wrun::sleep(Duration::from_millis(millis)))
}

/// Waits for the first item of a stream.
#[wrun::task]
fn reads(millis: u64) -> Result<u64> {
    numbers::remote(1, millis)
        .next()
        .map_or(Ok(0), |item| item.get())
}

/// A nap that is called so.
#[wrun::task]
fn named(name: String, millis: u64) -> Result<u32> {
    nap::options().name(&name).remote(millis).get()
}

/// Leaves a task that waits for each kind of thing, and chains of failures, and goes on to live for so long.
#[wrun::task]
fn waits(millis: u64) -> Result<()> {
    let ring = Counter::options().name("ring").remote();
    let _itself = ring.ask_itself();
    let busy = Counter::remote();
    let _rest = busy.rest(millis);
    let _queued = busy.add();
    let idle = Counter::remote();
    let late = nap::remote(millis);
    let _waiting = idle.add_to(&late);
    let _held = idle.add();
    let _unread = numbers::remote(1_000, 0);
    let _some = some_of::remote(3, 2, millis);
    let _reads = reads::remote(millis);
    let _passed_on = sink::remote(2);
    let _given = after::remote(no_number::remote());
    let _broke = breaks::remote("to pieces");
    let broken = Counter::remote();
    let _died = broken.break_down().get();
    let _dead = broken.add().get();
    wrun::sleep(Duration::from_millis(millis));
    Ok(())
}

/// Puts that many objects of that many bytes, has a task make one more, and holds them for so long.
#[wrun::task]
fn hold(objects: usize, bytes: usize, millis: u64) -> Result<usize> {
    let held: Vec<_> = (0..objects).map(|_| wrun::put("x".repeat(bytes))).collect();
    let made = text::remote(bytes);
    let failed = fails::remote("no object");
    wrun::wait(std::slice::from_ref(&made), 1, None)?;
    let small = wrun::put(5_u32);
    let late = nap::remote(millis);
    let _waiting = sum::remote(&small, &late);
    let _ = failed.get();
    wrun::sleep(Duration::from_millis(millis));
    Ok(held.len() + made.get()?.len())
}

#[wrun::task]
fn sum(one: u32, other: u32) -> u32 {
    one + other
}

/// Prints before, between and after its calls, some of which fail, are tried again, or are cancelled.
#[wrun::task]
fn story(level: u32) -> Result<u32> {
    println!("level {level} begins");
    if level > 0 {
        println!("below is {}", story::remote(level - 1).get()?);
        let error = fails::options()
            .max_retries(1)
            .retry_errors(true)
            .remote("told")
            .get();
        println!("{}", error.is_err());
        let endless = nap::remote(60_000);
        wrun::sleep(Duration::from_millis(30));
        endless.cancel()?;
        let _ = endless.get();
    }
    println!("level {level} ends");
    Ok(level)
}

/// This call in its trace, then the calls below it: two, each with two below it, and so on.
#[wrun::task]
fn traced(levels: u32) -> Result<Vec<String>> {
    let mut all = vec![traceparent()?];
    let below = (0..2)
        .filter(|_| levels > 0)
        .map(|_| traced::remote(levels - 1));
    for child in &wrun::get(&below.collect::<Vec<_>>())? {
        all.extend_from_slice(child);
    }
    Ok(all)
}

/// Tells its place in the trace in a line, and fails the first time.
#[wrun::task]
fn traced_again() -> Result<()> {
    println!("again {}", traceparent()?);
    wrun::ensure!(wrun::context()?.attempt > 0, "once more");
    Ok(())
}

fn traceparent() -> Result<String> {
    Ok(wrun::context()?.traceparent.unwrap_or_default())
}

/// Tells its place in the trace, and those of calls below it, in lines.
fn trace(levels: u32) -> Result<()> {
    let context = wrun::context()?;
    println!("{}", traceparent()?);
    println!("state {}", context.tracestate.unwrap_or_default());
    println!("dashboard {}", context.dashboard_url.unwrap_or_default());
    for line in traced::remote(levels).get()? {
        println!("{line}");
    }
    let again = traced_again::options().max_retries(1).retry_errors(true);
    again.remote().get()
}

/// A line and a task for each.
fn chatter(numbers: std::ops::Range<u64>) {
    for n in numbers {
        println!("{n}");
        let _ = double::remote(1).get();
    }
}

/// So many lines, with a pause and some tasks after each.
fn paced(lines: u64, millis: u64) -> Result<()> {
    for n in 0..lines {
        println!("line {n} of {lines}");
        let naps: Vec<_> = (0..5).map(|_| nap::remote(millis)).collect();
        wrun::get(&naps)?;
    }
    Ok(())
}

#[wrun::main]
fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| args.get(at).and_then(|text| text.parse().ok()).unwrap_or(0);
    match args.first().map(String::as_str) {
        Some("lines") => (0..number(1)).for_each(|n| println!("line {n}")),
        Some("story") => println!("{}", story::remote(2).get()?),
        Some("chatter") => chatter(0..number(1)),
        Some("trace") => {
            trace(u32::try_from(number(1)).unwrap_or(0))?;
            wrun::sleep(Duration::from_millis(number(2)));
        }
        Some("exit") => std::process::exit(i32::try_from(number(1)).unwrap_or(1)),
        Some("fail") => wrun::bail!("it was to fail"),
        Some("nap") => {
            println!("attempt {}", wrun::context()?.job_attempt);
            wrun::sleep(Duration::from_millis(number(1)));
            println!("done");
        }
        Some("env") => println!("{}", std::env::var("GREETING").unwrap_or_default()),
        Some("until") => {
            println!("waits, attempt {}", wrun::context()?.job_attempt);
            chatter(0..number(1));
            while std::fs::metadata("/data/go").is_err() {
                wrun::sleep(Duration::from_millis(10));
            }
            chatter(number(1)..2 * number(1));
            println!("went");
        }
        Some("paced") => paced(number(1), number(2))?,
        Some("quiet") => {
            wrun::get(
                &(0..number(1))
                    .map(|_| nap::remote(number(2)))
                    .collect::<Vec<_>>(),
            )?;
            std::fs::write("/data/went", "")?;
        }
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
