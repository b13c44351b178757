use super::*;
use crate::sandbox::handles::{HandleError, HandleTable, MAX_HANDLES};

fn object(record: &Record) -> ObjectRef {
    ObjectRef::pending(record.id())
}

/// A small generator, so that a failing seed can be run again.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % n as u64).unwrap()
    }
}

#[test]
fn a_table_behaves_like_a_map() {
    for seed in 1..=20 {
        let (record, account) = (
            Record::default(),
            Account::new("test", Limits::default(), None),
        );
        let (mut random, mut model) = (
            Random(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed)),
            HashMap::new(),
        );
        let mut table = HandleTable::new(&account).expect("nothing yet");
        let mut released = VecDeque::new();
        let mut most = 0;
        for _ in 0..5_000 {
            match random.below(10) {
                0..5 => {
                    let object = object(&record);
                    let handle = table.insert(Resource::Object(object.clone())).unwrap();
                    assert!((1..=i32::MAX as u32).contains(&handle));
                    assert!(
                        model.insert(handle, object).is_none(),
                        "a live handle is given once"
                    );
                    released.retain(|old| *old != handle);
                }
                5..9 if !model.is_empty() => {
                    let mut live: Vec<_> = model.keys().copied().collect();
                    live.sort_unstable();
                    let handle = live[random.below(live.len())];
                    let expected = model.remove(&handle).unwrap();
                    let Some(Resource::Object(found)) = table.remove(handle) else {
                        panic!("an object")
                    };
                    assert_eq!(found, expected);
                    released.push_back(handle);
                }
                _ => {
                    let number = u32::try_from(random.below(1 << 31)).unwrap();
                    assert_eq!(table.object(number), model.get(&number));
                }
            }
            if released.len() > 300 {
                released.pop_front();
            }
            for stale in &released {
                assert!(table.get(*stale).is_none(), "stale handles are refused");
            }
            assert_eq!(table.len(), model.len());
            let charged = account.used(tenant::Resource::Handles);
            most = most.max(model.len() as u64);
            assert!(charged >= most && charged <= most + 512);
        }
        for (handle, object) in &model {
            assert_eq!(table.object(*handle), Some(object));
        }
        drop(table);
        assert_eq!(account.held().count(), 0);
    }
}

#[test]
fn kinds_are_told_apart() {
    let record = Record::default();
    let mut table =
        HandleTable::new(&Account::new("test", Limits::default(), None)).expect("nothing yet");
    let object = table.insert(Resource::Object(object(&record))).unwrap();
    let stream = table.insert(Resource::Stream(record.stream())).unwrap();
    let actor = table.insert(Record::actor()).unwrap();
    assert!(
        table.object(object).is_some()
            && table.stream(object).is_none()
            && table.actor(object).is_none()
    );
    assert!(
        table.object(stream).is_none()
            && table.stream(stream).is_some()
            && table.actor(stream).is_none()
    );
    assert!(
        table.object(actor).is_none()
            && table.stream(actor).is_none()
            && table.actor(actor).is_some()
    );
}

#[test]
fn the_account_and_the_table_have_limits() {
    let account = Account::new(
        "test",
        Limits::default().with(tenant::Resource::Handles, 64),
        None,
    );
    let (record, mut table) = (
        Record::default(),
        HandleTable::new(&account).expect("nothing yet"),
    );
    let handles: Vec<_> = (0..64)
        .map(|_| table.insert(Resource::Object(object(&record))).unwrap())
        .collect();
    assert!(matches!(
        table.insert(Record::actor()),
        Err(HandleError::Over(_))
    ));
    assert!(matches!(table.reserve(MAX_HANDLES), Err(HandleError::Full)));
    assert!(table.remove(handles[3]).is_some());
    assert!(table.remove(handles[3]).is_none());
    assert!(table.insert(Record::actor()).is_ok());
}
