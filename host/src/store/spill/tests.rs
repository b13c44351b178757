use std::{future::Future, pin::pin, sync::Arc, task::Poll, time::Duration};

use tempfile::TempDir;

use super::*;
use crate::tenant::{Account, Limits, Resource};

const MIB: u64 = 1 << 20;

struct Store {
    files: MemFiles,
    account: Arc<Account>,
    dir: TempDir,
    tokio: tokio::runtime::Runtime,
}

impl Store {
    fn new(memory: u64, disk: u64) -> Self {
        let tokio = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_time()
            .build()
            .unwrap();
        let dir = tempfile::tempdir().unwrap();
        let spill = Spill::new(Some(dir.path()), tokio.handle().clone()).unwrap();
        let limits = Limits::default()
            .with(Resource::ObjectBytes, memory)
            .with(Resource::SpilledBytes, disk);
        Self {
            files: MemFiles::with_spill(memory, Some(spill)),
            account: Account::new("test", limits, None),
            dir,
            tokio,
        }
    }

    /// A value of so many bytes like this, whose format byte is 9, if there is room or room can be made.
    fn try_put(&self, fill: u8, len: u64) -> Result<Value, Full> {
        let charge = || self.account.charge(Resource::ObjectBytes, len);
        let charge = loop {
            if let Ok(charge) = charge() {
                break charge;
            }
            let made = self.files.make_room(len, charge);
            if let Some(charge) = self.tokio.block_on(made)? {
                break charge;
            }
        };
        let bytes = vec![fill; usize::try_from(len).unwrap()];
        let file = self.files.store(&bytes).unwrap();
        Ok(Value::with(Contents::File(9, file), vec![], Some(charge)))
    }

    fn put(&self, fill: u8, len: u64) -> Value {
        self.try_put(fill, len).unwrap()
    }

    fn assert_holds(&self, value: &Value, fill: u8) {
        let bytes = self.tokio.block_on(value.to_bytes()).unwrap();
        assert_eq!(bytes.len() as u64, value.len());
        assert_eq!(bytes[0], 9);
        assert!(bytes[1..].iter().all(|byte| *byte == fill));
    }

    fn used(&self) -> (u64, u64) {
        let used = |of| self.account.used(of);
        (used(Resource::ObjectBytes), used(Resource::SpilledBytes))
    }

    /// Spilled values on disk.
    fn on_disk(&self) -> usize {
        let folder = self.files.spill().unwrap().dir.folder().unwrap();
        fs::read_dir(folder).unwrap().count() - 1
    }

    /// What happens on other threads has happened.
    fn eventually(&self, what: impl Fn() -> bool) {
        for _ in 0..2000 {
            if what() {
                return;
            }
            self.tokio
                .block_on(async { tokio::time::sleep(Duration::from_millis(1)).await });
        }
        panic!("it did not happen");
    }
}

#[test]
fn the_coldest_is_spilled_and_read_back_and_its_file_goes_with_it() {
    let store = Store::new(4 * MIB, u64::MAX);
    let mut values: Vec<_> = (0..4).map(|n| store.put(n, MIB)).collect();
    // The first is used again.
    drop(values[0].resident());
    values.push(store.put(4, MIB));
    let resident: Vec<_> = values.iter().map(|v| v.resident().is_some()).collect();
    assert_eq!(resident, [true, false, true, true, true]);
    assert_eq!((store.used(), store.on_disk()), ((4 * MIB, MIB), 1));
    for (value, fill) in values.iter().zip(0..) {
        store.assert_holds(value, fill);
    }
    let spilled = values[1].spilled().unwrap();
    drop(values);
    assert_eq!(store.used(), (0, MIB), "someone reads it");
    drop(spilled);
    store.eventually(|| store.used() == (0, 0) && store.on_disk() == 0);
}

#[test]
fn pieces_are_as_the_whole() {
    let store = Store::new(3 * MIB, u64::MAX);
    let bytes: Vec<u8> = (0..3 * MIB)
        .map(|n| u8::try_from(n % 251).unwrap())
        .collect();
    let charge = store
        .account
        .charge(Resource::ObjectBytes, 3 * MIB)
        .unwrap();
    let file = store.files.store(&bytes).unwrap();
    let value = Value::with(Contents::File(9, file), vec![], Some(charge));
    let whole = value.to_bytes_blocking().unwrap();
    let _other = store.put(0, MIB);
    let spilled = value.spilled().unwrap();
    for (offset, len) in [
        (0, 1),
        (0, 10),
        (1, 10),
        (2 * MIB + 7, PIECE),
        (3 * MIB, 5),
        (3 * MIB + 1, 5),
        (u64::MAX, 1),
    ] {
        let piece = store.tokio.block_on(spilled.read(offset, len)).unwrap();
        let from = usize::try_from(offset).unwrap().min(whole.len());
        let to = (from + len).min(whole.len());
        assert_eq!(piece.bytes(), &whole[from..to], "{offset} {len}");
    }
    assert_eq!(value.to_bytes_blocking().unwrap(), whole);
}

#[test]
fn what_is_brought_back_is_the_same_and_is_charged_as_before() {
    let store = Store::new(4 * MIB, u64::MAX);
    for len in [MIB, 2 * MIB + 5, 4 * MIB] {
        let value = store.put(7, len);
        let other = store.put(1, 4 * MIB);
        assert!(value.resident().is_none());
        drop(other);
        let spilled = value.spilled().unwrap();
        let charge = store
            .account
            .charge(Resource::ObjectBytes, spilled.room())
            .unwrap();
        drop(store.tokio.block_on(spilled.restore(charge)).unwrap());
        assert!(value.resident().is_some());
        store.assert_holds(&value, 7);
        store.eventually(|| store.used() == (len, 0) && store.on_disk() == 0);
        // And out again.
        let _other = store.put(2, 4 * MIB);
        store.assert_holds(&value, 7);
        assert!(value.resident().is_none());
    }
}

/// What other tenants hold would make no room, so it stays.
#[test]
fn who_is_over_a_limit_of_its_own_has_its_own_values_spilled() {
    let store = Store::new(64 * MIB, u64::MAX);
    let limits = || Limits::default().with(Resource::ObjectBytes, 4 * MIB);
    let tenant = |name: &str| Account::new(name, limits(), Some(store.account.clone()));
    let (ours, theirs) = (tenant("ours"), tenant("theirs"));
    let put = |account: &Arc<Account>| {
        let charge = loop {
            let charge = || account.charge(Resource::ObjectBytes, 2 * MIB);
            if let Ok(charge) = charge() {
                break charge;
            }
            let made = store.files.make_room(2 * MIB, charge);
            if let Some(charge) = store.tokio.block_on(made).unwrap() {
                break charge;
            }
        };
        let file = store.files.store(&vec![5; 2 << 20]).unwrap();
        Value::with(Contents::File(9, file), vec![], Some(charge))
    };
    // The colder ones are theirs.
    let their_values = [put(&theirs), put(&theirs)];
    let our_values: Vec<_> = (0..6).map(|_| put(&ours)).collect();
    assert!(their_values.iter().all(|value| value.spilled().is_none()));
    let spilled = our_values.iter().filter(|value| value.spilled().is_some());
    assert_eq!(spilled.count(), 4);
    our_values
        .iter()
        .for_each(|value| store.assert_holds(value, 5));
}

/// A view shows all of a value's pages.
#[test]
fn what_is_brought_back_shows_nothing_of_what_was_in_its_place() {
    let store = Store::new(16 * MIB, u64::MAX);
    for (len, other) in [(2 * MIB + 5, 4 * MIB), (MIB + 5, MIB + 4096)] {
        let value = store.put(7, len);
        let made = store.files.make_room(len, || {
            store.account.charge(Resource::ObjectBytes, u64::MAX)
        });
        assert!(store.tokio.block_on(made).unwrap().is_none());
        drop(store.put(1, other));
        let spilled = value.spilled().unwrap();
        let charge = store.account.charge(Resource::ObjectBytes, len).unwrap();
        let contents = store.tokio.block_on(spilled.restore(charge)).unwrap();
        let Contents::File(_, file) = &contents else {
            panic!("it is large")
        };
        let (source, start) = file.source();
        let source = File::from(source.try_clone_to_owned().unwrap());
        let mut behind = [1; 4096 - 5];
        source.read_exact_at(&mut behind, start + len).unwrap();
        assert_eq!(behind, [0; 4096 - 5]);
    }
}

/// Its file is there for who began to read it, though the value is back in memory, and then gone.
#[test]
fn a_file_stays_as_long_as_someone_reads_it() {
    let store = Store::new(MIB, u64::MAX);
    let value = store.put(7, MIB);
    drop(store.put(1, MIB));
    let (reader, other) = (value.spilled().unwrap(), value.spilled().unwrap());
    let read = || {
        let piece = store.tokio.block_on(reader.read(1, 100)).unwrap();
        assert_eq!(piece.bytes(), [7; 100]);
    };
    let charge = store.account.charge(Resource::ObjectBytes, MIB).unwrap();
    drop(store.tokio.block_on(other.restore(charge)).unwrap());
    read();
    drop(value);
    read();
    assert_eq!((store.used(), store.on_disk()), ((MIB, MIB), 1));
    drop(reader);
    store.eventually(|| store.used() == (0, 0) && store.on_disk() == 0);
}

/// Who comes to read a value while it is being written keeps it in memory.
#[test]
fn what_is_read_while_it_is_being_spilled_stays() {
    const LEN: u64 = 64 * MIB;
    let store = Store::new(LEN, u64::MAX);
    let value = store.put(7, LEN);
    // The writing takes long, but who looks may be late.
    for _ in 0..20 {
        let (reader, refused) = std::thread::scope(|scope| {
            let writer = scope.spawn(|| store.try_put(1, MIB).err());
            while store.on_disk() == 0 && !writer.is_finished() {
                std::thread::yield_now();
            }
            (value.resident(), writer.join().unwrap())
        });
        if let Some(reader) = reader {
            let refused = refused.expect("nothing else can be spilled");
            assert!(matches!(refused, Full::Nothing), "{refused}");
            drop(reader);
            assert!(value.resident().is_some(), "it is where it was");
            assert_eq!((store.used(), store.on_disk()), ((LEN, 0), 0));
            return;
        }
        let spilled = value.spilled().unwrap();
        store.eventually(|| store.used().0 == 0);
        let charge = store.account.charge(Resource::ObjectBytes, LEN).unwrap();
        drop(store.tokio.block_on(spilled.restore(charge)).unwrap());
        store.eventually(|| store.on_disk() == 0);
    }
    panic!("nobody came in time");
}

/// A view or a reader is a holder.
#[test]
fn what_is_held_is_not_spilled() {
    let store = Store::new(2 * MIB, u64::MAX);
    let (a, b) = (store.put(1, MIB), store.put(2, MIB));
    let views = [a.resident().unwrap(), b.resident().unwrap()];
    let refused = store.try_put(3, MIB).unwrap_err();
    assert!(matches!(refused, Full::Nothing), "{refused}");
    assert!(a.resident().is_some() && b.resident().is_some());
    let written = store.account.peak(Resource::SpilledBytes);
    assert_eq!((store.on_disk(), written), (0, 0), "nothing was tried");
    drop(views);
    let _c = store.put(3, MIB);
    assert_eq!(store.on_disk(), 1);
}

/// Who found nothing to spill hears when that changes.
#[test]
fn letting_go_is_a_change_and_trying_in_vain_is_none() {
    let store = Store::new(MIB, MIB / 2);
    let value = store.put(1, MIB);
    let view = value.resident().unwrap();
    let seen = store.files.changes();
    let mut changed = pin!(std::future::poll_fn(|cx| {
        if store.files.poll_changed(seen, cx) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }));
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..3 {
        store.try_put(2, MIB).unwrap_err();
    }
    assert!(changed.as_mut().poll(&mut cx).is_pending());
    drop(view);
    assert!(changed.as_mut().poll(&mut cx).is_ready());
    // Now the disk is too small, which changes nothing either.
    let seen = store.files.changes();
    let refused = store.try_put(2, MIB).unwrap_err().to_string();
    assert!(refused.contains("--spill-limit"), "{refused}");
    assert_eq!(store.files.changes(), seen);
    assert_eq!(store.used(), (MIB, 0));
}

#[test]
fn a_disk_that_fails_leaves_the_value_in_memory() {
    let store = Store::new(MIB, u64::MAX);
    let value = store.put(1, MIB);
    let seen = store.files.changes();
    fs::remove_dir_all(store.files.spill().unwrap().dir.folder().unwrap()).unwrap();
    let refused = store.try_put(2, MIB).unwrap_err().to_string();
    let dir = store.dir.path().display().to_string();
    assert!(refused.contains(&dir), "{refused}");
    assert_eq!((store.used(), store.files.changes()), ((MIB, 0), seen));
    store.assert_holds(&value, 1);
}

#[test]
fn a_file_that_is_gone_or_cut_is_told() {
    let store = Store::new(MIB, u64::MAX);
    let (gone, cut) = (store.put(1, MIB), store.put(2, MIB));
    let _last = store.put(3, MIB);
    let path = |value: &Value| value.spilled().unwrap().file.path.clone();
    fs::remove_file(path(&gone)).unwrap();
    File::options()
        .write(true)
        .open(path(&cut))
        .unwrap()
        .set_len(9)
        .unwrap();
    for value in [&gone, &cut] {
        let error = store
            .tokio
            .block_on(value.to_bytes())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains(&path(value).display().to_string()),
            "{error}"
        );
        let piece = store.tokio.block_on(value.spilled().unwrap().read(0, 100));
        assert!(piece.is_err());
    }
}

#[test]
fn values_that_go_leave_nothing_in_the_list() {
    let store = Store::new(64 * MIB, u64::MAX);
    for n in 0..100 {
        let value = store.put(n, 100_000);
        drop(value.resident());
    }
    assert_eq!(store.files.spill().unwrap().coldest.lock().len(), 0);
}

/// Many writers, readers and droppers at once: each value is itself, and nothing is left.
#[test]
fn many_at_once() {
    let store = Store::new(8 * MIB, u64::MAX);
    std::thread::scope(|scope| {
        for thread in 0..4_u8 {
            let store = &store;
            scope.spawn(move || {
                let mut mine = Vec::new();
                for round in 0..40_u8 {
                    let fill = thread * 50 + round;
                    let len = 100_000 + u64::from(round) * 30_000;
                    // Everything may be in use by the others for a moment.
                    let value = loop {
                        match store.try_put(fill, len) {
                            Ok(value) => break value,
                            Err(_) => std::thread::yield_now(),
                        }
                    };
                    mine.push((value, fill));
                    for (value, fill) in &mine {
                        store.assert_holds(value, *fill);
                    }
                    if round % 3 == 0 {
                        let (value, _) = mine.swap_remove(usize::from(round) % mine.len());
                        if let Some(spilled) = value.spilled()
                            && let Ok(charge) =
                                store.account.charge(Resource::ObjectBytes, spilled.room())
                        {
                            drop(store.tokio.block_on(spilled.restore(charge)));
                        }
                    }
                }
            });
        }
    });
    store.eventually(|| store.used() == (0, 0) && store.on_disk() == 0);
    assert!(store.account.peak(Resource::ObjectBytes) <= 8 * MIB);
    assert!(store.account.peak(Resource::SpilledBytes) > 0);
}

#[test]
fn the_folder_goes_with_the_store() {
    let store = Store::new(MIB, u64::MAX);
    let (value, _other) = (store.put(1, MIB), store.put(2, MIB));
    assert!(value.spilled().is_some());
    store.files.spill().unwrap().remove();
    assert_eq!(fs::read_dir(store.dir.path()).unwrap().count(), 0);
}
