//! Views: the pages of a stored object in a guest's memory, without a copy.
//!
//! [`Views`] is one sandbox's: the regions that the host added to its memory, those that show an object now and those that
//! are free. [`Views::map`] makes one show a [`Window`] of a memory file, [`Views::release`] takes it back. Growing the
//! memory is the caller's, `hostcall/view.rs`. It copies nothing and knows nothing of handles and values.
//!
//! # Why it is sound
//!
//! A view replaces pages of a linear memory that belongs to Wasmtime. Wasmtime must never be able to tell: whatever it
//! believes of these pages while they are a view, and after, has to stay true.
//!
//! - **Where.** Only in a slot of the pool: memory there never moves, so an address stays right, and the slot's range
//!   belongs to this sandbox alone until its store is dropped. Only in regions that [`Views::added`] made: what one
//!   growth of the memory by the host added, after the module's first size. So a view never lies over the module's image,
//!   which Wasmtime leaves in place for the next instance, and no address ever comes from a guest. What a growth added is
//!   readable and writable private anonymous memory, so a private mapping that is readable and writable, of the same
//!   length, is the same to all code that reads or writes there, Wasmtime's own included.
//! - **What.** Only memory files of the store, sealed against shrinking: a page of the mapping that lost its file would
//!   raise SIGBUS, which nobody handles. The mapped range ends on the file's last page at the latest, and what follows
//!   its end on that page are zeros. The mapping is private: what the guest writes goes to pages of its own.
//! - **As long as.** A private mapping shows later writes to the file on pages that the guest has not written, so the
//!   view holds its [`MemFile`] until its range is anonymous again: a held file is never written, punched or used again.
//! - **After.** Before the slot goes back, each view's exact range is mapped to fresh anonymous memory, with the
//!   protection and the flags of Wasmtime's own mapping (so that the kernel joins them): zeros, as what the growth added
//!   were, and Wasmtime's reset, which rewrites the first part of the slot and gives the pages of the rest back to their
//!   mapping, finds an anonymous mapping everywhere. If it can't be done, the process ends at once: the next guest in
//!   that slot would read the object.
//! - **By every route.** [`Views`] lives in the data of the Wasmtime store, and `Store`'s drop drops the data before the
//!   instance, whose drop gives the slot back (`wasmtime/src/runtime/store.rs`, `impl Drop for Store`). That is the one
//!   way on which slots go back: after a return, a trap, a cancelled or panicked call and at the end of the pool alike.
//!   If another part of the data panics in its drop, the rest of the data is dropped all the same, and the instance not
//!   at all. `Store::into_data` goes the other way round, so [`Views::clear`] comes before it.
//! - **Failures.** When the kernel refuses a mapping, it has mostly changed nothing. Before Linux 6.12 it may have removed
//!   the range first, when it has no memory left; so the range is filled again, without replacing anything. Where that
//!   can't be done it may be because another thread of this process got a mapping in the hole, which looks the same from
//!   here; so unless the kernel is known to have left the range as it was ([`is_as_before`]), the process ends.
//!
//! A region that is free is anonymous memory which the guest can write, like any other of its memory; it is used again by
//! later views of this sandbox only. Fibers have stacks of their own, and WASI functions see a view as plain memory.
//!
//! # What it costs
//!
//! A view splits a mapping of the process in two or three. [`MAX_IN_SANDBOX`] and [`max_in_process`] bound them, inside
//! what `max_sandboxes` leaves of the kernel's limit; beyond, guests copy.

#![allow(
    unsafe_code,
    reason = "mapping a file's pages into a linear memory can't be done without it"
)]

use std::{
    collections::BTreeMap,
    ffi::c_void,
    io::Write as _,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use rustix::{
    io::Errno,
    mm::{MapFlags, ProtFlags, mmap, mmap_anonymous},
    param::page_size,
};

use crate::{store::MemFile, tenant::Charge};

/// Smaller windows are copied: that is as fast as mapping them.
pub(super) const MIN_BYTES: u64 = 64 << 10;
/// A view of at least a huge page begins where the system can show whole huge pages of the file: a first pass over a GiB
/// then takes 512 page faults instead of many thousands.
const HUGE: usize = 2 << 20;
/// At most so many views at once in one sandbox.
pub(super) const MAX_IN_SANDBOX: usize = 256;

/// At most so many views at once in this process: each takes two mappings, and `max_sandboxes` leaves an eighth of what
/// the kernel gives.
fn max_in_process() -> u64 {
    static MAX: OnceLock<u64> = OnceLock::new();
    *MAX.get_or_init(|| super::engine::max_mappings() / 24)
}

/// How many views there are in this process, which is what the kernel counts mappings of.
static LIVE: AtomicU64 = AtomicU64::new(0);

/// A place among the views of this process.
#[derive(Debug)]
struct Place;

impl Place {
    fn take() -> Option<Self> {
        let took = LIVE.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |n| {
            (n < max_in_process()).then_some(n + 1)
        });
        took.ok().map(|_| Self)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        LIVE.fetch_sub(1, Ordering::AcqRel);
    }
}

/// A part of a memory file that can be mapped: whole pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// Where its first page is in the object.
    from: u64,
    /// How far into that page the wanted bytes begin.
    skip: usize,
    /// Whole pages, up to the object's last.
    mapped: usize,
}

impl Window {
    /// The pages of `len` bytes at `offset`, which must lie in the file. `None` when copying them is better.
    pub(super) fn of(file: &MemFile, offset: u64, len: u64) -> Option<Self> {
        let end = offset.checked_add(len).filter(|end| *end <= file.len())?;
        if len < MIN_BYTES {
            return None;
        }
        let page = page_size() as u64;
        let from = offset - offset % page;
        Some(Self {
            from,
            skip: usize::try_from(offset - from).ok()?,
            mapped: usize::try_from((end - from).next_multiple_of(page)).ok()?,
        })
    }

    /// How many bytes it shows.
    pub(super) fn bytes(&self) -> usize {
        self.mapped
    }
}

/// Memory that the host added to the guest's, by its position there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Region {
    start: usize,
    len: usize,
}

/// A region that shows an object.
#[derive(Debug)]
struct View {
    region: Region,
    /// Where it is in this process.
    address: usize,
    mapped: usize,
    // Dropped after the range is anonymous again, by `Drop` below.
    _file: MemFile,
    _charge: Charge,
    _place: Place,
}

/// A linear memory in a slot of the pool.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    /// Where it begins in this process.
    pub(super) base: usize,
    /// How large it is now.
    pub(super) size: usize,
}

/// The views of one sandbox.
#[derive(Debug, Default)]
pub(super) struct Views {
    pooled: bool,
    /// By the page where they begin in the guest's memory.
    live: BTreeMap<usize, View>,
    /// Sorted, none touching the next.
    free: Vec<Region>,
}

impl Views {
    /// Says whether the sandbox is in a slot of the pool; in others nothing is mapped.
    pub(super) fn set_pooled(&mut self, pooled: bool) {
        self.clear();
        self.pooled = pooled;
    }

    /// Whether no region was added to the memory so far.
    pub(super) fn is_empty(&self) -> bool {
        self.live.is_empty() && self.free.is_empty()
    }

    /// Whether one more can be mapped here.
    pub(super) fn has_room(&self) -> bool {
        self.pooled
            && self.live.len() < MAX_IN_SANDBOX
            && LIVE.load(Ordering::Relaxed) < max_in_process()
    }

    /// How many bytes to leave out in front of a region that would begin at `address`, so that huge pages of the file
    /// lie on huge pages of memory.
    pub(super) fn pad(address: usize, file: &MemFile, window: Window) -> usize {
        if window.mapped < HUGE {
            return 0;
        }
        let huge = HUGE as u64;
        let wanted = (file.source().1 + window.from) % huge;
        let given = address as u64 % huge;
        usize::try_from((wanted + huge - given) % huge).expect("less than a huge page")
    }

    /// Takes the smallest free region that holds `bytes`; what it has more stays free.
    pub(super) fn take_free(&mut self, bytes: usize) -> Option<Region> {
        let fitting = self.free.iter().enumerate().filter(|(_, r)| r.len >= bytes);
        let (index, region) = fitting.min_by_key(|(_, r)| r.len).map(|(i, r)| (i, *r))?;
        let len = bytes.next_multiple_of(page_size());
        if region.len > len {
            self.free[index] = Region {
                start: region.start + len,
                len: region.len - len,
            };
        } else {
            self.free.remove(index);
        }
        Some(Region {
            start: region.start,
            len,
        })
    }

    /// A region that the host has just added to the memory, which was `before` and is `after` bytes long.
    pub(super) fn added(before: usize, after: usize) -> Option<Region> {
        let len = after.checked_sub(before).filter(|len| *len > 0)?;
        before
            .is_multiple_of(page_size())
            .then_some(Region { start: before, len })
    }

    /// The region without its first `pad` bytes, which are free from now on.
    pub(super) fn without(&mut self, region: Region, pad: usize) -> Region {
        let pad = pad.min(region.len);
        if pad > 0 {
            self.give_back(Region { len: pad, ..region });
        }
        Region {
            start: region.start + pad,
            len: region.len - pad,
        }
    }

    /// Gives a region back that is not mapped.
    pub(super) fn give_back(&mut self, region: Region) {
        let at = self.free.partition_point(|free| free.start < region.start);
        self.free.insert(at, region);
        // With the next, then with the one before.
        for left in [Some(at), at.checked_sub(1)].into_iter().flatten() {
            if let [a, b, ..] = self.free[left..]
                && a.start + a.len == b.start
            {
                self.free[left].len += b.len;
                self.free.remove(left + 1);
            }
        }
    }

    /// Shows a window of a file in a region, and gives where the wanted bytes begin in the guest's memory. `None` when it
    /// can't be mapped; the region is free then.
    pub(super) fn map(
        &mut self,
        slot: Slot,
        region: Region,
        file: MemFile,
        window: Window,
        charge: Charge,
    ) -> Option<usize> {
        let Window { from, skip, mapped } = window;
        let fits = mapped > 0 && mapped <= region.len && region.start + region.len <= slot.size;
        let address = slot.base + region.start;
        let place =
            Place::take().filter(|_| self.pooled && fits && address.is_multiple_of(page_size()));
        let shown = place.filter(|_| map_file(address, mapped, &file, from));
        let Some(place) = shown else {
            self.give_back(region);
            return None;
        };
        let view = View {
            region,
            address,
            mapped,
            _file: file,
            _charge: charge,
            _place: place,
        };
        self.live.insert(region.start, view);
        Some(region.start + skip)
    }

    /// Takes back the view at this position of the guest's memory, if there is one.
    pub(super) fn release(&mut self, pointer: usize) -> bool {
        let start = pointer - pointer % page_size();
        let Some(view) = self.live.remove(&start) else {
            return false;
        };
        let region = view.region;
        drop(view);
        self.give_back(region);
        true
    }

    /// Takes all views back.
    pub(super) fn clear(&mut self) {
        self.live.clear();
        self.free.clear();
    }
}

impl Drop for View {
    fn drop(&mut self) {
        map_zeros(self.address, self.mapped);
    }
}

const ACCESS: ProtFlags = ProtFlags::READ.union(ProtFlags::WRITE);
const FLAGS: MapFlags = MapFlags::PRIVATE.union(MapFlags::NORESERVE);

pub(super) fn pointer(address: usize) -> *mut c_void {
    std::ptr::with_exposed_provenance_mut(address)
}

/// Replaces anonymous memory by pages of a file; `false` when it is anonymous memory still.
fn map_file(address: usize, len: usize, file: &MemFile, offset: u64) -> bool {
    let (fd, begin) = file.source();
    // No safe way: it replaces what lies there.
    // SAFETY: the only callers pass a range that lies in a region the host added to a linear memory in the pool, which no
    // reference points into while a host function runs that has not borrowed the memory. The new pages have the same
    // length and protection, and stay valid: the file can't shrink. "Why it is sound" above has the rest.
    let mapped = unsafe {
        mmap(
            pointer(address),
            len,
            ACCESS,
            FLAGS | MapFlags::FIXED,
            fd,
            begin + offset,
        )
    };
    let Err(refused) = mapped else { return true };
    // No safe way: as above.
    // SAFETY: it replaces nothing, so it changes at most a range of that region where nothing is.
    let filled = unsafe {
        mmap_anonymous(
            pointer(address),
            len,
            ACCESS,
            FLAGS | MapFlags::FIXED_NOREPLACE,
        )
    };
    let filled = filled.map(|at| at.addr() == address);
    if !is_as_before(refused, filled, takes_back()) {
        let error = filled.err().unwrap_or(refused);
        end_process("can't map an object's pages into a sandbox", error);
    }
    false
}

/// Whether there is our own memory where a mapping was `refused`, after it was attempted to fill the range where nothing
/// is, and it was filled in place, or elsewhere, or not. `takes_back`: the kernel does with what it removed.
fn is_as_before(refused: Errno, filled: Result<bool, Errno>, takes_back: bool) -> bool {
    match filled {
        Ok(in_place) => in_place,
        // All else is found out before anything is removed.
        Err(Errno::EXIST) => takes_back || refused != Errno::NOMEM,
        Err(_) => false,
    }
}

/// Whether this kernel puts back what it removed for a mapping that failed: since 6.12.
fn takes_back() -> bool {
    static TAKES_BACK: OnceLock<bool> = OnceLock::new();
    let release = || std::fs::read_to_string("/proc/sys/kernel/osrelease");
    *TAKES_BACK.get_or_init(|| release().is_ok_and(|release| is_since_6_12(&release)))
}

fn is_since_6_12(release: &str) -> bool {
    let mut numbers = release
        .split(|c: char| !c.is_ascii_digit())
        .map_while(|number| number.parse::<u32>().ok());
    matches!((numbers.next(), numbers.next()), (Some(major), Some(minor)) if (major, minor) >= (6, 12))
}

/// Replaces a view by zeros.
fn map_zeros(address: usize, len: usize) {
    // No safe way: it replaces what lies there.
    // SAFETY: this is exactly the range that `map_file` replaced, in a slot that was not given back since; nobody holds a
    // reference into it, as there.
    let zeros = unsafe { mmap_anonymous(pointer(address), len, ACCESS, FLAGS | MapFlags::FIXED) };
    if let Err(error) = zeros {
        end_process("can't map zeros into a sandbox", error);
    }
}

/// The next guest in the slot would see what it must not.
pub(super) fn end_process(problem: &str, error: Errno) -> ! {
    let _ = writeln!(
        std::io::stderr(),
        "wrun: {problem} ({error}); ending the process, since its memory could be read by others"
    );
    std::process::abort();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_anothers_mapping_is_not_taken_for_our_own() {
        let cases = [
            // It was gone, and is filled.
            (Errno::NOMEM, Ok(true), false, true),
            // Kernels before 4.17 don't know `MAP_FIXED_NOREPLACE`.
            (Errno::NOMEM, Ok(false), false, false),
            // Something is there.
            (Errno::NOMEM, Err(Errno::EXIST), false, false),
            (Errno::NOMEM, Err(Errno::EXIST), true, true),
            (Errno::INVAL, Err(Errno::EXIST), false, true),
            // It may be gone.
            (Errno::NOMEM, Err(Errno::NOMEM), true, false),
        ];
        for (refused, filled, takes_back, wanted) in cases {
            let got = is_as_before(refused, filled, takes_back);
            assert_eq!(got, wanted, "{refused} {filled:?} {takes_back}");
        }
    }

    #[test]
    fn kernels_are_told_apart() {
        for (release, wanted) in [
            ("6.12.0", true),
            ("6.18.44-generic\n", true),
            ("10.1", true),
            ("6.11.9", false),
            ("5.15.167.4-microsoft-standard-WSL2", false),
            ("", false),
        ] {
            assert_eq!(is_since_6_12(release), wanted, "{release}");
        }
    }
}
