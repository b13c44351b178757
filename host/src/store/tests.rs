use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use super::*;
use crate::types::{ErrorKind, JobId, ObjectId, TaskError};

fn object(n: u64) -> ObjectRef {
    ObjectRef::pending(ObjectId::put(JobId::random(), n))
}

fn value(text: &'static str, refs: Vec<Resource>) -> Value {
    Value::new(text, refs, None)
}

fn error() -> Outcome {
    Err(Arc::new(TaskError::new(ErrorKind::Application, "no")))
}

fn is_done(waiting: &mut Waiting) -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    pin!(waiting).poll(&mut cx) == Poll::Ready(())
}

#[test]
fn an_outcome_is_set_once() {
    let object = object(1);
    assert!(object.complete(Ok(value("first", vec![]))));
    assert!(!object.complete(error()));
    let outcome = object.outcome().expect("there").as_ref().expect("a value");
    assert_eq!(outcome.to_bytes_blocking().expect("heap"), "first");
}

#[test]
fn waiting_for_all_ends_with_the_last_or_the_first_error() {
    let objects: Vec<_> = (0..3).map(object).collect();
    let waitables: Vec<_> = objects.iter().cloned().map(Waitable::Object).collect();
    let mut all = Waiting::for_all(&waitables);
    objects[2].complete(Ok(value("", vec![])));
    objects[0].complete(Ok(value("", vec![])));
    assert!(!is_done(&mut all));
    let mut again = Waiting::for_all(&waitables);
    objects[1].complete(error());
    assert!(is_done(&mut all) && is_done(&mut again));

    let pending = [Waitable::Object(object(9)), waitables[1].clone()];
    assert!(
        is_done(&mut Waiting::for_all(&pending)),
        "an error that is there already ends it at once"
    );
}

#[test]
fn who_looks_at_a_wait_sees_what_is_missing_and_keeps_none_of_it() {
    let objects: Vec<_> = (0..10).map(object).collect();
    let waitables: Vec<_> = objects.iter().cloned().map(Waitable::Object).collect();
    let waiting = Waiting::for_some(&waitables, 4);
    let (awaited, holders) = (waiting.awaited(), objects[9].holders());
    objects[0].complete(Ok(value("", vec![])));
    let missing = awaited.missing(2, &mut 1_000);
    assert_eq!(
        (missing.some.len(), missing.others, missing.enough),
        (2, 7, 3)
    );
    let Waitable::Object(first) = &missing.some[0] else {
        panic!("{missing:?}");
    };
    assert_eq!(first.id(), objects[1].id());
    // Only so many are looked at.
    let mut looks = 4;
    let missing = awaited.missing(2, &mut looks);
    assert_eq!((missing.some.len(), missing.others, looks), (2, 1, 0));
    drop((missing, waiting));
    assert_eq!(objects[9].holders(), holders - 1);
    let missing = awaited.missing(2, &mut 1_000);
    assert!(missing.some.is_empty() && missing.enough == 0);
}

#[test]
fn waiting_for_some_counts_errors_and_what_is_there() {
    let objects: Vec<_> = (0..4).map(object).collect();
    let waitables: Vec<_> = objects.iter().cloned().map(Waitable::Object).collect();
    objects[3].complete(Ok(value("", vec![])));
    let mut two = Waiting::for_some(&waitables, 2);
    assert!(!is_done(&mut two));
    objects[0].complete(error());
    assert!(is_done(&mut two));
    assert!(is_done(&mut Waiting::for_some(&waitables, 0)));
    objects[1].complete(error());
    objects[2].complete(error());
    assert!(is_done(&mut two));
}

#[test]
fn the_last_reference_frees_a_value_and_what_it_refers_to() {
    let inner = object(1);
    let weak = inner.downgrade();
    let outer = ObjectRef::ready(
        ObjectId::put(JobId::random(), 2),
        Ok(value("x", vec![Resource::Object(inner)])),
    );
    assert!(weak.upgrade().is_some());
    drop(outer);
    assert!(weak.upgrade().is_none());
}

#[test]
fn a_long_chain_of_values_is_dropped_without_a_deep_stack() {
    let mut chain = object(0);
    chain.complete(Ok(value("end", vec![])));
    for n in 1..200_000 {
        let next = object(n);
        next.complete(Ok(value("link", vec![Resource::Object(chain)])));
        chain = next;
    }
    drop(chain);
}

#[test]
fn a_cycle_is_cut_by_forgetting() {
    let object = object(1);
    let weak = object.downgrade();
    let value = value("x", vec![Resource::Object(object.clone())]);
    object.complete(Ok(value.clone()));
    drop(object);
    assert!(weak.upgrade().is_some(), "it keeps itself");
    value.forget_refs();
    drop(value);
    assert!(weak.upgrade().is_none());
}

#[test]
fn abandoned_waits_don_t_pile_up() {
    let object = object(1);
    let waitables = [Waitable::Object(object.clone())];
    for _ in 0..10_000 {
        drop(Waiting::for_all(&waitables));
    }
    assert_eq!(object.interests(), 0);
}

/// Who waited and was stopped (a cancelled call) is freed, though the object never comes.
#[test]
fn a_dropped_wait_lets_go_of_who_waited() {
    struct Waiter;
    impl std::task::Wake for Waiter {
        fn wake(self: Arc<Self>) {}
    }
    let object = object(1);
    let waitables = [Waitable::Object(object.clone())];
    let stays: Vec<_> = (0..10).map(|_| Waiting::for_all(&waitables)).collect();
    let waiter = Arc::new(Waiter);
    let waiting = Waiting::for_all(&waitables);
    assert!(!waiting.wake(&Waker::from(waiter.clone())));
    drop(waiting);
    assert_eq!(Arc::strong_count(&waiter), 1);
    drop(stays);
    assert_eq!(object.interests(), 0);
}

#[test]
fn a_stream_makes_its_producer_wait_and_ends() {
    let stream = Stream::new(ObjectId::put(JobId::random(), 1), 2);
    let reader = StreamReader::new(stream.clone());
    let waitables = [Waitable::Stream(reader.clone())];
    let mut ready = Waiting::for_some(&waitables, 1);
    assert!(!is_done(&mut ready));
    for n in 0..2 {
        stream.push(object(n), Waker::noop()).expect("room");
    }
    assert!(is_done(&mut ready));
    assert!(stream.push(object(3), Waker::noop()).is_err());
    stream.end(Some(object(4)));
    let items = std::iter::from_fn(|| match stream.next() {
        Next::Item(item) => Some(item),
        Next::Ended | Next::Pending => None,
    });
    assert_eq!(items.count(), 3);
    assert!(matches!(stream.next(), Next::Ended));
    drop(waitables);
    assert!(!stream.is_abandoned());
    drop((ready, reader));
    assert!(stream.is_abandoned());
}

#[test]
fn completions_race_with_waits() {
    for _ in 0..200 {
        let objects: Vec<_> = (0..8).map(object).collect();
        let waitables: Vec<_> = objects.iter().cloned().map(Waitable::Object).collect();
        std::thread::scope(|scope| {
            for half in objects.chunks(4) {
                scope.spawn(move || {
                    half.iter()
                        .for_each(|o| assert!(o.complete(Ok(value("", vec![])))))
                });
            }
            futures_util::future::FutureExt::now_or_never(Waiting::for_some(&waitables, 1));
            let all = Waiting::for_all(&waitables);
            while !all.is_done() {
                std::thread::yield_now();
            }
        });
    }
}
