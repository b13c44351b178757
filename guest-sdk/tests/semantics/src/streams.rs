//! Streaming calls.

use wrun::prelude::*;

use super::actors::Diary;
use super::{Checked, Clock};

#[wrun::task]
fn squares(n: u64) -> impl Iterator<Item = u64> {
    (0..n).map(|i| i * i)
}

#[wrun::task]
fn ticks(n: u32, ms: u64) -> impl Iterator<Item = u32> {
    (0..n).inspect(move |_| wrun::sleep(Duration::from_millis(ms)))
}

#[wrun::task]
fn until(bad: u32) -> impl Iterator<Item = Result<u32, String>> {
    (0..10).map(move |i| {
        if i == bad {
            Err(format!("{i} is bad"))
        } else {
            Ok(i)
        }
    })
}

#[wrun::task(stream)]
fn words(text: String) -> Result<Vec<String>, String> {
    if text.is_empty() {
        Err("no text".to_owned())
    } else {
        Ok(text.split(' ').map(str::to_owned).collect())
    }
}

fn values<T: serde::de::DeserializeOwned>(stream: RefStream<T>) -> Result<Vec<T>> {
    stream.map(|item| item.get()).collect()
}

pub(super) fn items_in_order() -> Checked {
    assert_eq!(
        values(squares::remote(300))?,
        (0..300).map(|i| i * i).collect::<Vec<_>>()
    );
    assert_eq!(values(words::remote("to be or"))?, ["to", "be", "or"]);
    assert_eq!(squares(3).collect::<Vec<_>>(), [0, 1, 4]);
    Ok(())
}

pub(super) fn items_come_as_they_are_made() -> Checked {
    let clock = Clock::start();
    let mut stream = ticks::remote(4, 200);
    let first = stream.next().map(|item| item.get()).transpose()?;
    let ms = clock.ms();
    assert_eq!(first, Some(0));
    assert!(ms < 750, "the first of four items came after {ms} ms");
    assert_eq!(values(stream)?, [1, 2, 3]);
    Ok(())
}

pub(super) fn an_error_comes_last() -> Checked {
    let items: Vec<_> = until::remote(3).map(|item| item.get()).collect();
    assert_eq!(items.len(), 4);
    assert_eq!(items[3].as_ref().unwrap_err().message(), "3 is bad");
    let items: Vec<_> = words::remote("").map(|item| item.get()).collect();
    assert_eq!(items.len(), 1);
    assert_eq!(items[0].as_ref().unwrap_err().message(), "no text");
    Ok(())
}

#[wrun::task]
fn endless() -> impl Iterator<Item = u64> {
    0..
}

pub(super) fn an_endless_stream_is_left() -> Checked {
    let some: Vec<_> = endless::remote()
        .take(200)
        .map(|item| item.get())
        .collect::<Result<_>>()?;
    assert_eq!(some.last(), Some(&199));
    let stream = endless::remote();
    stream.cancel()
}

pub(super) fn next_times_out() -> Checked {
    let mut stream = ticks::remote(1, 300);
    assert!(
        stream
            .next_timeout(Duration::from_millis(20))
            .unwrap_err()
            .is_timeout()
    );
    assert!(!stream.is_ready());
    assert_eq!(
        stream
            .next_timeout(Duration::from_secs(5))?
            .map(|item| item.get())
            .transpose()?,
        Some(0)
    );
    assert!(stream.next_timeout(Duration::from_secs(5))?.is_none());
    assert!(stream.next().is_none());
    Ok(())
}

pub(super) fn a_method_streams() -> Checked {
    let diary = Diary::remote();
    for line in ["a", "b"] {
        diary.write(line);
    }
    assert_eq!(values(diary.read())?, ["a", "b"]);
    Ok(())
}

pub(super) fn an_empty_stream() -> Checked {
    assert_eq!(squares::remote(0).count(), 0);
    Ok(())
}

pub(super) fn a_failed_argument_of_a_stream() -> Checked {
    let failed = super::fail::remote(1, "no number");
    let items: Vec<_> = squares::remote(failed.cast::<u64>())
        .map(|item| item.get())
        .collect();
    assert_eq!(items.len(), 1);
    assert_eq!(items[0].as_ref().unwrap_err().message(), "no number");
    Ok(())
}
