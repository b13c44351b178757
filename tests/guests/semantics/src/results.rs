//! Rule 10: `put`, several results, and results as they come.

use std::collections::{BTreeMap, HashSet};

use cases::{failure, ms, timed};
use serde::{Deserialize, Serialize};
use wrun::prelude::*;

use crate::tasks::{add, nap};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Shape {
    Nothing,
    Circle(f64),
    Polygon {
        name: Option<String>,
        corners: Vec<(i32, i32)>,
    },
}

pub fn put_and_get() -> Result<()> {
    let shapes = vec![
        Shape::Nothing,
        Shape::Circle(0.1),
        Shape::Polygon {
            name: Some("é".to_owned()),
            corners: vec![(i32::MIN, i32::MAX), (0, -1)],
        },
    ];
    assert_eq!(wrun::put(shapes.clone()).get()?, shapes);
    let map: BTreeMap<String, u128> = [("max".to_owned(), u128::MAX)].into();
    assert_eq!(wrun::put(map.clone()).get()?, map);
    wrun::put(()).get()?;
    let nested = wrun::put(wrun::put(5));
    assert_eq!(nested.get()?.get()?, 5, "one `get` takes off one layer");
    Ok(())
}

#[wrun::task(num_returns = 3)]
fn split(n: u64) -> (u64, String, Vec<u64>) {
    (n, n.to_string(), vec![n; 3])
}

pub fn several_results() -> Result<()> {
    let (number, text, list) = split::remote(7);
    assert_eq!(list.get()?, [7, 7, 7]);
    assert_eq!(text.get()?, "7");
    assert_eq!(add::remote(number, 1).get()?, 8);
    Ok(())
}

#[wrun::task(num_returns = 2)]
fn split_failing(message: String) -> Result<(u64, u64)> {
    wrun::bail!("{message}")
}

pub fn several_results_of_a_failed_task() -> Result<()> {
    let (a, b) = split_failing::remote("no luck");
    assert_eq!(failure(a.get()).message(), "no luck");
    assert_eq!(failure(b.get()).message(), "no luck");
    Ok(())
}

#[wrun::task]
fn ticks(count: u64, milliseconds: u64) -> impl Iterator<Item = u64> {
    (0..count).inspect(move |_| wrun::sleep(Duration::from_millis(milliseconds)))
}

pub fn a_stream_arrives_as_it_is_made() -> Result<()> {
    let mut items = ticks::remote(4, 400);
    let (time, first) = timed(|| items.next());
    assert_eq!(first.ok_or("no item")?.get()?, 0);
    assert!(
        time < ms(1200),
        "the first item does not wait for the last: {time:?}"
    );
    let second = items.next().ok_or("no item")?;
    assert_eq!(
        add::remote(second, 10).get()?,
        11,
        "an item is a ref like others"
    );
    let rest: Result<Vec<u64>> = items.map(|item| item.get()).collect();
    assert_eq!(rest?, [2, 3]);
    Ok(())
}

#[wrun::task]
fn failing_items() -> impl Iterator<Item = Result<u64>> {
    (0..5).map(|i| {
        if i < 2 {
            Ok(i)
        } else {
            Err(Error::new("no more"))
        }
    })
}

pub fn a_stream_that_fails_gives_what_came_before() -> Result<()> {
    let items: Vec<Result<u64>> = failing_items::remote().map(|item| item.get()).collect();
    assert_eq!(items.len(), 3);
    assert!(matches!(items[..2], [Ok(0), Ok(1)]), "{items:?}");
    assert_eq!(failure(items[2].clone()).message(), "no more");
    Ok(())
}

pub fn an_empty_stream_ends() -> Result<()> {
    assert_eq!(ticks::remote(0, 0).count(), 0);
    Ok(())
}

#[wrun::actor]
struct Numbers {
    next: u64,
}

#[wrun::actor]
impl Numbers {
    fn new() -> Self {
        Self { next: 0 }
    }

    #[wrun(stream)]
    fn take(&mut self, count: u64) -> Vec<u64> {
        self.next += count;
        (self.next - count..self.next).collect()
    }
}

pub fn a_method_may_stream() -> Result<()> {
    let numbers = Numbers::remote();
    let (first, second) = (numbers.take(3), numbers.take(2));
    let all: Result<Vec<u64>> = first.chain(second).map(|item| item.get()).collect();
    assert_eq!(all?, [0, 1, 2, 3, 4]);
    Ok(())
}

pub fn a_call_for_each_item() -> Result<()> {
    let sums = add::map((0..3000).map(|i: u64| (i, wrun::put(1_u64))));
    assert_eq!(wrun::get(&sums)?, (1..=3000).collect::<Vec<u64>>());
    Ok(())
}

#[wrun::task]
fn whereabouts() -> Result<(String, u64, String)> {
    let context = wrun::context()?;
    Ok((context.name, context.pid, context.task))
}

pub fn the_context_tells_where_it_is() -> Result<()> {
    let own = wrun::context()?;
    assert_eq!((own.attempt, own.actor, own.restarted), (0, None, false));
    assert!(own.slots > 0.0 && own.workers > 0 && !own.job.is_empty() && !own.node.is_empty());
    let calls: Vec<_> = (0..5).map(|_| whereabouts::remote()).collect();
    let calls = wrun::get(&calls)?;
    assert!(
        calls.iter().all(|(name, ..)| name == "whereabouts"),
        "{calls:?}"
    );
    let pids: HashSet<u64> = calls
        .iter()
        .map(|(_, pid, _)| *pid)
        .chain([own.pid])
        .collect();
    let ids: HashSet<&str> = calls
        .iter()
        .map(|(.., id)| id.as_str())
        .chain([own.task.as_str()])
        .collect();
    assert_eq!((pids.len(), ids.len()), (6, 6), "each call is another one");
    assert_eq!(wrun::nodes()?.len(), 1);
    assert!((wrun::cluster_resources()?.cpus - own.slots).abs() < 1e-9);
    let (ready, _) = wrun::wait(&[nap::remote(0)], 1, None)?;
    assert_eq!(ready.len(), 1);
    Ok(())
}
