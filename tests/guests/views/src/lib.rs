//! Cases of views, each run by its name; asserts that hold in a sandbox only are behind `cfg(target_arch = "wasm32")`.

#![forbid(unsafe_code)]

use cases::Case;
use wrun::ensure;
use wrun::prelude::*;

const MIB: usize = 1 << 20;

/// All cases.
pub const CASES: &[Case] = &[
    Case {
        name: "shared",
        run: shared,
    },
    Case {
        name: "copied_when_small",
        run: copied_when_small,
    },
    Case {
        name: "writes_stay_private",
        run: writes_stay_private,
    },
    Case {
        name: "many_at_once",
        run: many_at_once,
    },
    Case {
        name: "chunks",
        run: chunks,
    },
    Case {
        name: "memory_is_used_again",
        run: memory_is_used_again,
    },
    Case {
        name: "limits",
        run: limits,
    },
    Case {
        name: "outlives_its_ref",
        run: outlives_its_ref,
    },
    Case {
        name: "outlive_all_else",
        run: outlive_all_else,
    },
    Case {
        name: "in_an_actor",
        run: in_an_actor,
    },
    Case {
        name: "mistakes",
        run: mistakes,
    },
    Case {
        name: "results_and_streams",
        run: results_and_streams,
    },
    Case {
        name: "exit_among_views",
        run: exit_among_views,
    },
];

#[wrun::main]
fn main() -> wrun::Result<()> {
    cases::main(CASES)
}

/// Whether large views are mapped: in a sandbox of the pool, where the driver says so.
fn maps() -> bool {
    cfg!(target_arch = "wasm32") && std::env::var_os("NO_POOL").is_none()
}

fn pages() -> usize {
    #[cfg(target_arch = "wasm32")]
    return core::arch::wasm32::memory_size(0);
    #[cfg(not(target_arch = "wasm32"))]
    0
}

fn numbers(count: usize) -> Vec<u64> {
    (0..count as u64).collect()
}

fn sum_to(count: usize) -> u64 {
    let count = count as u64;
    count * (count - 1) / 2
}

/// The sum of an array, which is mapped.
#[wrun::task]
fn sum(data: View<u64>) -> wrun::Result<u64> {
    ensure!(data.is_mapped() == maps(), "mapped: {}", data.is_mapped());
    Ok(data.iter().sum())
}

/// An array of numbers from 0 on.
#[wrun::task]
fn make(count: usize) -> View<u64> {
    numbers(count).into()
}

fn shared() -> wrun::Result<()> {
    let data = wrun::put_plain(&numbers(MIB));
    let sums: Vec<_> = (0..4).map(|_| sum::remote(&data)).collect();
    ensure!(wrun::get(&sums)? == [sum_to(MIB); 4], "sums");
    ensure!(
        sum::remote(make::remote(MIB + 1)).get()? == sum_to(MIB + 1),
        "from a task"
    );
    ensure!(
        sum::remote(numbers(MIB)).get()? == sum_to(MIB),
        "from a Vec"
    );
    ensure!(
        sum::remote(data.view()?).get()? == sum_to(MIB),
        "from a view"
    );
    ensure!(data.count()? == MIB as u64, "count");
    Ok(())
}

fn copied_when_small() -> wrun::Result<()> {
    for count in [0, 1, 1000] {
        let view = wrun::put_plain(&numbers(count)).view()?;
        ensure!(!view.is_mapped() && *view == numbers(count), "{count}");
    }
    Ok(())
}

/// Writes all over its argument.
#[wrun::task]
fn overwrite(mut data: View<u64>) -> u64 {
    data.fill(7);
    data.iter().sum()
}

fn writes_stay_private() -> wrun::Result<()> {
    let data = wrun::put_plain(&numbers(MIB));
    let before = data.view()?;
    let mut mine = data.view()?;
    mine[5] = 1_000_000;
    ensure!(overwrite::remote(&data).get()? == 7 * MIB as u64, "its own");
    ensure!(
        before[5] == 5 && mine[5] == 1_000_000 && mine[6] == 6,
        "both here"
    );
    ensure!(
        data.view()?[5] == 5 && sum::remote(&data).get()? == sum_to(MIB),
        "the object"
    );
    // What is written is what is sent.
    ensure!(wrun::put(mine).view()?[5] == 1_000_000, "stored again");
    Ok(())
}

fn many_at_once() -> wrun::Result<()> {
    let objects: Vec<_> = (0..8_u64)
        .map(|i| wrun::put_plain(&vec![i; MIB / 8]))
        .collect();
    let (mut views, mut own) = (Vec::new(), Vec::new());
    for round in 0..4 {
        for (object, i) in objects.iter().zip(0_u64..) {
            // The memory grows for both, in turn.
            views.push((object.view()?, i));
            own.push((vec![0xff ^ i; 3 * MIB / 16], i));
        }
        for (view, i) in &views {
            ensure!(view.iter().all(|n| n == i), "view of {i} in round {round}");
        }
        for (vec, i) in &own {
            ensure!(
                vec.iter().all(|n| *n == 0xff ^ i),
                "memory for {i} in round {round}"
            );
        }
        // Every other goes.
        let mut number = 0..;
        views.retain(|_| number.next().is_some_and(|n: u32| n.is_multiple_of(2)));
        own.retain(|_| number.next().is_some_and(|n| n.is_multiple_of(2)));
    }
    Ok(())
}

/// Goes through an array in parts, in a sandbox that could not hold it.
#[wrun::task]
fn walk(data: Vec<ObjectRef<View<u64>>>) -> wrun::Result<u64> {
    let mut total = 0;
    let mut most = 0;
    // Its last element is a part of its own.
    for chunk in data[0].chunks(2 * MIB as u64 - 1)? {
        let chunk = chunk?;
        total += chunk.iter().sum::<u64>();
        if most == 0 {
            most = pages();
        }
        ensure!(
            chunk.len() < 100_000 || chunk.is_mapped() == maps(),
            "mapped"
        );
    }
    ensure!(
        !maps() || pages() <= most + 1,
        "{} pages after {most}",
        pages()
    );
    Ok(total)
}

fn chunks() -> wrun::Result<()> {
    const COUNT: usize = 25 * MIB;
    let (mut large, mut small) = (make::options(), walk::options());
    if cfg!(target_arch = "wasm32") {
        large = large.memory(600 << 20);
        small = small.memory(64 << 20);
    }
    let data = large.remote(COUNT);
    ensure!(small.remote(vec![data]).get()? == sum_to(COUNT), "sum");
    Ok(())
}

fn memory_is_used_again() -> wrun::Result<()> {
    let data = wrun::put_plain(&numbers(MIB));
    drop(data.view()?);
    let before = pages();
    for start in 0..200_u64 {
        let window = data.window(start * 100..)?;
        ensure!(window[0] == start * 100, "{start}");
        ensure!(
            window[window.len() - 1] == MIB as u64 - 1,
            "the end of {start}"
        );
    }
    ensure!(
        !maps() || pages() <= before + 1,
        "{} pages, {before} before",
        pages()
    );
    Ok(())
}

/// Tries to view what its memory limit does not allow, then what it does.
#[wrun::task]
fn squeeze(data: Vec<ObjectRef<View<u64>>>) -> wrun::Result<u64> {
    let error = cases::failure(data[0].view());
    ensure!(error.kind() == ErrorKind::MemoryLimit, "{error}");
    ensure!(error.message().contains("its limit is 16 MiB"), "{error}");
    Ok(data[0].window(10..20)?.iter().sum())
}

fn limits() -> wrun::Result<()> {
    if !maps() {
        return Ok(());
    }
    let data = wrun::put_plain(&numbers(3 * MIB));
    let small = squeeze::options().memory(16 << 20);
    ensure!(
        small.remote(vec![data.clone()]).get()? == 145,
        "a window fits"
    );
    let whole = sum::options().memory(16 << 20).remote(&data);
    let error = cases::failure(whole.get());
    ensure!(error.kind() == ErrorKind::MemoryLimit, "{error}");
    ensure!(error.message().contains("--memory-limit"), "{error}");
    Ok(())
}

fn outlives_its_ref() -> wrun::Result<()> {
    let data = wrun::put_plain(&numbers(MIB));
    let view = data.view()?;
    drop(data);
    // What takes its room in the store, if anything did.
    for _ in 0..20 {
        drop(wrun::put_plain(&vec![u64::MAX; MIB]));
    }
    ensure!(view.iter().sum::<u64>() == sum_to(MIB), "it is as it was");
    Ok(())
}

/// Views objects that nothing else refers to, and looks at them all the time, while it makes others, more than it keeps.
#[wrun::task]
fn watch(number: u64, rounds: u64) -> wrun::Result<()> {
    const LEN: usize = MIB / 8 + 5;
    let is = |view: &View<u64>, fill: u64| view.len() == LEN && view.iter().all(|n| *n == fill);
    let (mut watched, mut others) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let fill = (number << 32) + round + 1;
        let object = wrun::put_plain(&vec![fill; LEN]);
        if round % 8 == 0 {
            watched.push((object.view()?, fill));
            continue;
        }
        others.push((object, fill));
        if others.len() > 6 {
            // Back from the disk, perhaps.
            let at = usize::try_from(round * 7 % 6).expect("small");
            let (other, fill) = others.swap_remove(at);
            let view = other.view()?;
            drop(other);
            ensure!(is(&view, fill), "one of the others in round {round}");
        }
        for (view, fill) in &watched {
            ensure!(
                view.is_mapped() == maps() && is(view, *fill),
                "round {round}"
            );
        }
    }
    Ok(())
}

fn outlive_all_else() -> wrun::Result<()> {
    let watches: Vec<_> = (1..4).map(|number| watch::remote(number, 40)).collect();
    wrun::get(&watches).map(drop)
}

/// Views an object often.
#[wrun::actor]
struct Crowd {
    views: Vec<View<u64>>,
}

#[wrun::actor]
impl Crowd {
    fn new(data: Vec<ObjectRef<View<u64>>>, count: usize) -> wrun::Result<Self> {
        let views = (0..count).map(|_| data[0].window(0..8192));
        Ok(Self {
            views: views.collect::<wrun::Result<_>>()?,
        })
    }

    /// How many are no copies; all show what they should.
    fn mapped(&self) -> wrun::Result<usize> {
        let right = |view: &View<u64>| (view[0], view[8191], view.len()) == (0, 8191, 8192);
        ensure!(self.views.iter().all(right), "what they show");
        Ok(self.views.iter().filter(|view| view.is_mapped()).count())
    }
}

/// Lets many actors have as many views as a sandbox may: how many there are then. When the actors are gone there may be
/// others.
#[wrun::task]
fn crowd(actors: usize) -> wrun::Result<usize> {
    let data = wrun::put_plain(&numbers(MIB / 8));
    let each = || Crowd::remote(vec![data.clone()], 256);
    let crowds: Vec<_> = (0..actors).map(|_| each()).collect();
    let mut mapped = 0;
    for crowd in &crowds {
        mapped += crowd.mapped().get()?;
    }
    ensure!(!data.view()?.is_mapped(), "one more");
    for crowd in &crowds {
        crowd.kill()?;
    }
    drop(crowds);
    cases::eventually("there is room again", || Ok(data.view()?.is_mapped()))?;
    Ok(mapped)
}

#[wrun::actor]
struct Keeper {
    view: View<u64>,
}

#[wrun::actor]
impl Keeper {
    fn new(view: View<u64>) -> Self {
        Self { view }
    }

    /// Counts on in its own copy.
    fn next(&mut self, at: usize) -> u64 {
        self.view[at] += 1;
        self.view[at]
    }

    fn total(&self) -> u64 {
        self.view.iter().sum()
    }
}

fn in_an_actor() -> wrun::Result<()> {
    let data = wrun::put_plain(&numbers(MIB));
    let (one, other) = (Keeper::remote(&data), Keeper::remote(&data));
    ensure!((one.next(3).get()?, one.next(3).get()?) == (4, 5), "one");
    ensure!(other.next(3).get()? == 4, "other");
    drop(data);
    ensure!(one.total().get()? == sum_to(MIB) + 2, "all of one");
    one.kill()?;
    ensure!(other.total().get()? == sum_to(MIB) + 1, "all of other");
    Ok(())
}

#[wrun::task]
fn as_bytes(data: Vec<u8>) -> usize {
    data.len()
}

fn mistakes() -> wrun::Result<()> {
    let data = wrun::put_plain(&[1_u8; 1001]);
    let error = cases::failure(data.cast::<View<u64>>().view());
    ensure!(error.kind() == ErrorKind::BadArgument, "{error}");
    ensure!(error.message().contains("1001 bytes"), "{error}");
    let error = cases::failure(data.window(500..1002));
    ensure!(error.message().contains("array that has 1001"), "{error}");
    let error = cases::failure(as_bytes::remote(data.cast::<Vec<u8>>()).get());
    ensure!(error.message().contains("`wrun::View` reads"), "{error}");
    // The other way round it is read.
    let list = wrun::put(vec![1_u32, 2, 3]).cast::<View<u32>>();
    ensure!(
        *list.view()? == [1, 2, 3] && *list.window(1..2)? == [2],
        "a list"
    );
    ensure!(list.count()? == 3, "its length");
    Ok(())
}

#[wrun::task]
fn stream(count: u64) -> impl Iterator<Item = View<u64>> {
    (0..count).map(|i| vec![i; MIB / 4].into())
}

#[wrun::task(num_returns = 2)]
fn halves(data: View<u64>) -> (View<u64>, View<u64>) {
    let (a, b) = data.split_at(data.len() / 2);
    (a.to_vec().into(), b.to_vec().into())
}

fn results_and_streams() -> wrun::Result<()> {
    for (item, i) in stream::remote(3).zip(0_u64..) {
        ensure!(item.view()?.iter().all(|n| *n == i), "item {i}");
    }
    let (a, b) = halves::remote(numbers(MIB));
    let (a, b) = wrun::get((&a, &b))?;
    ensure!(
        a.len() == MIB / 2 && a[0] == 0 && b[0] == a.len() as u64,
        "halves"
    );
    Ok(())
}

/// Adds: what JSON callers see.
#[wrun::task]
fn doubled(data: View<u32>) -> View<u32> {
    data.iter().map(|n| 2 * n).collect()
}

/// Leaves secrets: in its memory, and in a view, where it also writes.
fn secrets() -> wrun::Result<(Vec<u64>, View<u64>)> {
    let own = vec![u64::MAX; MIB / 2];
    let mut view = wrun::put_plain(&own).view()?;
    view[7] = 1;
    Ok((own, view))
}

/// Waits for its end.
#[wrun::task]
fn linger() -> wrun::Result<u64> {
    let (own, view) = secrets()?;
    wrun::sleep(Duration::from_secs(60));
    Ok(own[0] - view[0])
}

#[wrun::actor]
struct Secretive {
    secrets: (Vec<u64>, View<u64>),
}

#[wrun::actor]
impl Secretive {
    fn new() -> wrun::Result<Self> {
        Ok(Self {
            secrets: secrets()?,
        })
    }

    fn reveal(&self) -> u64 {
        self.secrets.0[0] - self.secrets.1[0]
    }
}

/// Ends the job while it and others are inside views.
fn exit_among_views() -> wrun::Result<()> {
    let others: Vec<_> = (0..3).map(|_| Secretive::remote()).collect();
    for other in &others {
        ensure!(other.reveal().get()? == 0, "it has its view");
    }
    let (own, view) = secrets()?;
    ensure!(own[8] == view[8], "its own");
    #[cfg(target_arch = "wasm32")]
    std::process::exit(0);
    #[cfg(not(target_arch = "wasm32"))]
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn all_cases() {
        cases::run_locally(super::CASES, &[]);
    }
}
