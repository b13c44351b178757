//! Memory files: where large values lie.
//!
//! [`MemFiles`] is one sparse file in memory, since a file for each value would use up the process's descriptors. A
//! [`MemFile`] holds a part of it, on pages of its own, with one value's bytes: written once, never changed. Values from
//! 2 MiB on lie in *blocks* of that size, which the system is asked to make of one huge page each; others on pages.
//! [`extents`](super::extents) knows which parts are free.
//!
//! Invariants:
//!
//! - A part is free again only when its last holder is gone: a value in the store, a reader, a view mapped into a guest
//!   are holders, each with a clone. So nothing is written, freed or spilled under anyone who reads.
//! - A new value's part is overwritten in full, up to the end of its last page, before anyone else can hold it; what lies
//!   behind that page is given back to the system. So nobody sees a byte that its own value did not write.
//! - The file never shrinks or grows (it is sealed), so what is mapped is always there.
//! - No writable mapping is left when [`store`](MemFiles::store) returns.
//!
//! The memory of a part that becomes free is kept, warm, as long as all together is within the store's memory and within
//! a share of its own; what is over goes back to the system.
//!
//! Measured on two cores, Linux 6.18, for 100 MiB, where copying into memory that is there runs at 16 to 18 GB/s: writing
//! to pages that are there 6.6 GB/s, since the system goes page by page; through a mapping of such pages 5.3; through a
//! mapping of huge pages 16. To pages that are not there yet 0.3 to 1.5; to new huge pages 7.8, and freeing 100 MiB of
//! them takes 0.3 ms instead of 20.

#![allow(
    unsafe_code,
    reason = "only a mapping lets a value be written into huge pages at the speed of memory"
)]

use std::{
    fs::File,
    io,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd},
        unix::fs::FileExt,
    },
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;
use rustix::{
    fs::{FallocateFlags, MemfdFlags, SealFlags},
    process::Resource,
};

use super::{
    Spill,
    extents::{Extents, Run},
};

const PAGE: u64 = 4 << 10;
const BLOCK: u64 = 2 << 20;
/// The same as lengths of slices.
const PAGE_LEN: usize = 4 << 10;
const BLOCK_LEN: usize = 2 << 20;

/// The file is made so large, or as large as the system allows: only what is written takes memory.
const LARGEST: u64 = 1 << 40;
const SMALLEST: u64 = 1 << 30;

/// How much of the file is for values on pages: one of so many parts.
const PAGES_SHARE: u64 = 4;

/// How much memory is kept warm at most: one of so many parts of the store's, and in all.
const WARM_SHARE: u64 = 4;
const WARM_MAX: u64 = 512 << 20;

/// Makes memory files. A cheap clone of one thing.
#[derive(Debug, Clone)]
pub struct MemFiles(Arc<Arena>);

#[derive(Debug)]
struct Arena {
    /// The file and where the blocks begin in it, behind the pages. Made for the first value.
    file: OnceLock<(File, u64)>,
    making: Mutex<()>,
    space: Mutex<Space>,
    /// What used and warm parts may take together.
    memory: u64,
    /// What warm parts may take.
    warm: u64,
    spill: Option<Spill>,
}

#[derive(Debug, Default)]
struct Space {
    pages: Option<Extents>,
    blocks: Option<Extents>,
}

/// What a part consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Page,
    Block,
}

/// One value's bytes in memory. Clones share them; the part of the file that they lie in is free again when the last is
/// dropped.
#[derive(Debug)]
pub struct MemFile(Arc<Part>);

#[derive(Debug)]
struct Part {
    arena: Arc<Arena>,
    unit: Unit,
    run: Run,
    /// Where it begins in the file.
    start: u64,
    len: u64,
    /// Clones of its [`MemFile`].
    holders: AtomicUsize,
}

impl Default for MemFiles {
    /// With 2 GiB of memory, as far as warm parts are concerned.
    fn default() -> Self {
        Self::new(2 << 30)
    }
}

impl MemFiles {
    /// Memory files of a store with so many bytes of memory. (What values take is charged elsewhere; here it says how
    /// much free memory may be kept beside them.)
    #[must_use]
    pub fn new(memory: u64) -> Self {
        Self::with_spill(memory, None)
    }

    /// The same, with a tier on disk.
    #[must_use]
    pub fn with_spill(memory: u64, spill: Option<Spill>) -> Self {
        Self(Arc::new(Arena {
            file: OnceLock::new(),
            making: Mutex::default(),
            space: Mutex::default(),
            memory,
            warm: WARM_MAX.min(memory / WARM_SHARE),
            spill,
        }))
    }

    /// Writes `bytes` into memory of their own, in one pass.
    ///
    /// # Errors
    /// When the system refuses a file or its memory.
    pub fn store(&self, bytes: &[u8]) -> io::Result<MemFile> {
        let file = self.part(bytes.len() as u64)?;
        file.write(bytes)?;
        Ok(file)
    }

    /// The tier on disk, if there is one.
    #[must_use]
    pub fn spill(&self) -> Option<&Spill> {
        self.0.spill.as_ref()
    }

    /// Reads the first `len` bytes of `source` into memory of their own. Blocks.
    pub(super) fn load(&self, source: &File, len: u64) -> io::Result<MemFile> {
        let file = self.part(len)?;
        let whole = match file.0.unit {
            Unit::Page => 0,
            Unit::Block => len - len % BLOCK,
        };
        let blocks = usize::try_from(whole).map_err(io::Error::other)?;
        let mut at = 0;
        if blocks > 0
            && let Ok(mut mapping) = Mapping::new(file.file(), file.0.start, blocks)
            && mapping.make_huge().is_ok()
        {
            source.read_exact_at(mapping.bytes(), 0)?;
            at = whole;
        }
        let mut piece = vec![0; BLOCK_LEN];
        while len - at >= BLOCK {
            source.read_exact_at(&mut piece, at)?;
            file.file().write_all_at(&piece, file.0.start + at)?;
            at += BLOCK;
        }
        let rest = usize::try_from(len - at).map_err(io::Error::other)?;
        piece.truncate(rest);
        source.read_exact_at(&mut piece, at)?;
        file.write_paged(&piece, at)?;
        Ok(file)
    }

    /// A part for `len` bytes, which nobody else holds and which may still have another value's bytes.
    fn part(&self, len: u64) -> io::Result<MemFile> {
        let arena = &self.0;
        arena.prepare()?;
        let unit = if len < BLOCK { Unit::Page } else { Unit::Block };
        let units = len.div_ceil(unit.bytes()).max(1);
        let mut space = arena.space.lock();
        let first = space.extents(unit).and_then(|extents| extents.take(units));
        let over = arena.trim(&mut space);
        drop(space);
        arena.free(over);
        let Some(first) = first else {
            let message = format!("no {len} bytes in one piece are free in the store's file");
            return Err(io::Error::new(io::ErrorKind::StorageFull, message));
        };
        Ok(MemFile(Arc::new(Part {
            arena: arena.clone(),
            unit,
            run: (first, units),
            start: arena.start(unit, first),
            len,
            holders: AtomicUsize::new(1),
        })))
    }

    #[cfg(test)]
    fn in_use_and_warm(&self) -> (u64, u64) {
        let space = self.0.space.lock();
        (space.used(), space.warm())
    }
}

impl Unit {
    fn bytes(self) -> u64 {
        match self {
            Self::Page => PAGE,
            Self::Block => BLOCK,
        }
    }
}

impl Space {
    fn extents(&mut self, unit: Unit) -> Option<&mut Extents> {
        match unit {
            Unit::Page => self.pages.as_mut(),
            Unit::Block => self.blocks.as_mut(),
        }
    }

    fn sum(&self, of: impl Fn(&Extents) -> u64) -> u64 {
        let sum = |extents: &Option<Extents>| extents.as_ref().map_or(0, &of);
        sum(&self.pages) * PAGE + sum(&self.blocks) * BLOCK
    }

    fn used(&self) -> u64 {
        self.sum(Extents::used)
    }

    fn warm(&self) -> u64 {
        self.sum(Extents::warm)
    }
}

impl Arena {
    /// Makes the file unless it is there.
    fn prepare(&self) -> io::Result<()> {
        if self.file.get().is_some() {
            return Ok(());
        }
        let _one = self.making.lock();
        if self.file.get().is_none() {
            let (file, size) = make()?;
            let pages = size / PAGES_SHARE;
            *self.space.lock() = Space {
                pages: Some(Extents::new(pages / PAGE)),
                blocks: Some(Extents::new((size - pages) / BLOCK)),
            };
            let _ = self.file.set((file, pages));
        }
        Ok(())
    }

    fn file(&self) -> &(File, u64) {
        let file = self.file.get();
        file.expect("parts are made after the file")
    }

    /// Where a unit begins in the file.
    fn start(&self, unit: Unit, number: u64) -> u64 {
        match unit {
            Unit::Page => number * PAGE,
            Unit::Block => self.file().1 + number * BLOCK,
        }
    }

    /// Takes out what is warm beyond what may be.
    fn trim(&self, space: &mut Space) -> Vec<(Unit, Run)> {
        let mut over = Vec::new();
        loop {
            let room = self.memory.saturating_sub(space.used()).min(self.warm);
            let excess = space.warm().saturating_sub(room);
            let pages = space.pages.as_ref().map_or(0, Extents::warm) * PAGE;
            let unit = if pages * 2 > space.warm() {
                Unit::Page
            } else {
                Unit::Block
            };
            let units = excess.div_ceil(unit.bytes());
            let run = space.extents(unit).and_then(|extents| extents.trim(units));
            match run {
                Some(run) => over.push((unit, run)),
                None => return over,
            }
        }
    }

    /// Gives the memory of what was trimmed back to the system.
    fn free(&self, over: Vec<(Unit, Run)>) {
        for (unit, run) in over {
            let gone = self.punch(self.start(unit, run.0), run.1 * unit.bytes());
            let mut space = self.space.lock();
            if let Some(extents) = space.extents(unit) {
                match gone {
                    Ok(()) => extents.cool(run),
                    Err(_) => extents.keep(run),
                }
            }
        }
    }

    fn punch(&self, start: u64, len: u64) -> io::Result<()> {
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        Ok(rustix::fs::fallocate(&self.file().0, flags, start, len)?)
    }
}

/// The file, as large as may be, and its size.
fn make() -> io::Result<(File, u64)> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let file = File::from(rustix::fs::memfd_create("wrun-objects", flags)?);
    // Going over that limit would end the process.
    let limit = rustix::process::getrlimit(Resource::Fsize).current;
    let mut size = LARGEST;
    while limit.is_some_and(|limit| size > limit) || file.set_len(size).is_err() {
        size /= 2;
        if size < SMALLEST {
            let message = "the system allows no file in memory of 1 GiB (`ulimit -f`)";
            return Err(io::Error::other(message));
        }
    }
    let seals = SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&file, seals)?;
    Ok((file, size))
}

impl MemFile {
    /// How many bytes it has.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.0.len
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `target` from `offset` on.
    ///
    /// # Errors
    /// When there are not so many bytes, or the system can't read them.
    pub fn read_at(&self, offset: u64, target: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(target.len() as u64);
        if end.is_none_or(|end| end > self.0.len) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.file().read_exact_at(target, self.0.start + offset)
    }

    /// The file and where in it the bytes begin (on a page). Past their end, up to the end of that page, are zeros; what
    /// follows that page is others'.
    #[must_use]
    pub fn source(&self) -> (BorrowedFd<'_>, u64) {
        (self.file().as_fd(), self.0.start)
    }

    /// Whether nobody but this one holds it.
    #[must_use]
    pub fn is_only_holder(&self) -> bool {
        self.0.holders.load(Ordering::Acquire) == 1
    }

    pub(super) fn files(&self) -> MemFiles {
        MemFiles(self.0.arena.clone())
    }

    /// To copy its bytes without holding it: they stay where they are, but it counts as nobody's.
    pub(super) fn peek(&self) -> Peek {
        Peek(self.0.clone())
    }

    fn file(&self) -> &File {
        &self.0.arena.file().0
    }

    /// Fills it, with zeros up to the end of the last page.
    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let whole = match self.0.unit {
            Unit::Page => 0,
            Unit::Block => bytes.len() - bytes.len() % BLOCK_LEN,
        };
        let (blocks, rest) = bytes.split_at(whole);
        if !blocks.is_empty() && self.write_mapped(blocks).is_err() {
            self.file().write_all_at(blocks, self.0.start)?;
        }
        self.write_paged(rest, whole as u64)
    }

    /// Writes what comes last, at `offset`.
    fn write_paged(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let (file, start) = (self.file(), self.0.start);
        file.write_all_at(bytes, start + offset)?;
        let end = offset + bytes.len() as u64;
        let page_end = end.next_multiple_of(PAGE);
        let zeros = [0; PAGE_LEN];
        let rest = usize::try_from(page_end - end).map_err(io::Error::other)?;
        file.write_all_at(&zeros[..rest], start + end)?;
        let all = self.0.run.1 * self.0.unit.bytes();
        if self.0.unit == Unit::Block && page_end < all {
            self.0.arena.punch(start + page_end, all - page_end)?;
        }
        Ok(())
    }

    /// Writes whole blocks through a mapping that is gone when this returns.
    fn write_mapped(&self, blocks: &[u8]) -> io::Result<()> {
        let mut mapping = Mapping::new(self.file(), self.0.start, blocks.len())?;
        mapping.make_huge()?;
        mapping.bytes().copy_from_slice(blocks);
        Ok(())
    }
}

impl Clone for MemFile {
    fn clone(&self) -> Self {
        self.0.holders.fetch_add(1, Ordering::Relaxed);
        Self(self.0.clone())
    }
}

impl Drop for MemFile {
    fn drop(&mut self) {
        let before = self.0.holders.fetch_sub(1, Ordering::Release);
        // Only the store is left, and may spill it.
        if before == 2
            && let Some(spill) = &self.0.arena.spill
        {
            spill.changed();
        }
    }
}

/// A value's bytes, for who copies them to disk.
#[derive(Debug)]
pub(super) struct Peek(Arc<Part>);

impl Peek {
    pub(super) fn len(&self) -> u64 {
        self.0.len
    }

    /// Writes all of them to the beginning of `target`. Blocks.
    pub(super) fn copy_to(&self, target: &File) -> io::Result<()> {
        let source = &self.0.arena.file().0;
        let mut piece = vec![0; BLOCK_LEN.min(usize::try_from(self.0.len).unwrap_or(BLOCK_LEN))];
        let mut at = 0;
        while at < self.0.len {
            let rest = usize::try_from(self.0.len - at).unwrap_or(BLOCK_LEN);
            piece.truncate(rest);
            source.read_exact_at(&mut piece, self.0.start + at)?;
            target.write_all_at(&piece, at)?;
            at += piece.len() as u64;
        }
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let mut space = self.arena.space.lock();
        if let Some(extents) = space.extents(self.unit) {
            extents.give(self.run);
        }
        let over = self.arena.trim(&mut space);
        drop(space);
        self.arena.free(over);
    }
}

/// Blocks of the file, mapped to be written; unmapped when dropped.
struct Mapping {
    /// What was reserved, so that the blocks lie at a multiple of their size.
    reserved: (*mut libc::c_void, usize),
    at: *mut libc::c_void,
    len: usize,
}

impl Mapping {
    fn new(file: &File, start: u64, len: usize) -> io::Result<Self> {
        let offset = libc::off_t::try_from(start).map_err(io::Error::other)?;
        let size = len + BLOCK_LEN;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let anonymous = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // No safe way: nothing but a mapping reaches huge pages as such.
        //
        // SAFETY: a new mapping at an address that the system chooses changes no other memory.
        let reserved = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                size,
                libc::PROT_NONE,
                anonymous,
                -1,
                0,
            )
        };
        if reserved == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let mut mapping = Self {
            reserved: (reserved, size),
            at: reserved.map_addr(|at| at.next_multiple_of(BLOCK_LEN)),
            len,
        };
        let flags = libc::MAP_SHARED | libc::MAP_FIXED;
        // No safe way: as above.
        //
        // SAFETY: the range lies inside what was just reserved, which only `mapping` knows: `at` is less than a block
        // after its start, and it is a block longer than `len`.
        mapping.at =
            unsafe { libc::mmap(mapping.at, len, access, flags, file.as_raw_fd(), offset) };
        if mapping.at == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(mapping)
    }

    /// Asks the system to make a huge page of each block.
    fn make_huge(&mut self) -> io::Result<()> {
        // Blocks without a single page are refused.
        for block in self.bytes().chunks_mut(BLOCK_LEN) {
            block[0] = 0;
        }
        // No safe way: as above.
        //
        // SAFETY: the range is this mapping's; collapsing pages changes no byte of them.
        match unsafe { libc::madvise(self.at, self.len, MADV_COLLAPSE) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    fn bytes(&mut self) -> &mut [u8] {
        // No safe way: as above.
        //
        // SAFETY: the range is mapped to be read and written as long as `self` lives, and the file is sealed against
        // shrinking, so all of it is there. Nobody else reads or writes these bytes: the part has one holder, whose
        // `write` this is, and no other mapping of it exists, since mappings are holders.
        unsafe { std::slice::from_raw_parts_mut(self.at.cast(), self.len) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        let (at, len) = self.reserved;
        // No safe way: as above.
        //
        // SAFETY: the range was reserved by `new`, and slices of it borrow `self`.
        let gone = unsafe { libc::munmap(at, len) };
        // A writable mapping that stays would break what readers rely on.
        assert_eq!(gone, 0, "a mapping of the store can't be removed");
    }
}

/// Since Linux 6.1; older ones refuse it, and values are written page by page.
const MADV_COLLAPSE: libc::c_int = 25;

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::MetadataExt};

    use super::*;

    /// Numbers that look random, the same each time.
    fn numbers(mut seed: u64) -> impl FnMut(u64) -> u64 {
        move |below| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % below
        }
    }

    fn bytes(len: u64, fill: u8) -> Vec<u8> {
        vec![fill; usize::try_from(len).unwrap()]
    }

    fn start(file: &MemFile) -> u64 {
        file.source().1
    }

    /// What a mapping of it would show: all of its pages.
    fn pages(file: &MemFile) -> Vec<u8> {
        let mut all = bytes(file.len().next_multiple_of(PAGE), 1);
        file.file().read_exact_at(&mut all, start(file)).unwrap();
        all
    }

    fn assert_holds(file: &MemFile, fill: u8) {
        let all = pages(file);
        let (own, tail) = all.split_at(usize::try_from(file.len()).unwrap());
        assert!(own.iter().all(|byte| *byte == fill), "another's bytes");
        assert!(tail.iter().all(|byte| *byte == 0), "bytes behind the end");
    }

    #[test]
    fn values_that_come_and_go_have_their_own_bytes_and_none_else() {
        for memory in [0, 1 << 20, 64 << 20] {
            let files = MemFiles::new(memory);
            let mut below = numbers(memory + 1);
            let mut living: Vec<(MemFile, u8)> = Vec::new();
            for round in 0..400_u64 {
                if living.len() > 12 || (below(3) == 0 && !living.is_empty()) {
                    let at = usize::try_from(below(living.len() as u64)).unwrap();
                    let (gone, fill) = living.swap_remove(at);
                    assert_holds(&gone, fill);
                } else {
                    let len = match below(4) {
                        0 => BLOCK + below(2 * BLOCK),
                        1 => BLOCK * (1 + below(3)),
                        _ => 1 + below(40 * PAGE),
                    };
                    let fill = u8::try_from(round % 255 + 1).unwrap();
                    living.push((files.store(&bytes(len, fill)).unwrap(), fill));
                }
                let mut runs: Vec<_> = living
                    .iter()
                    .map(|(file, _)| (start(file), start(file) + file.len()))
                    .collect();
                runs.sort_unstable();
                assert!(runs.windows(2).all(|pair| pair[0].1 <= pair[1].0));
                assert!(runs.iter().all(|run| run.0 % PAGE == 0));
                let warm = files.in_use_and_warm().1;
                assert!(warm <= memory / WARM_SHARE + BLOCK, "{warm}");
            }
            for (file, fill) in &living {
                assert_holds(file, *fill);
            }
        }
    }

    #[test]
    fn a_recycled_part_shows_nothing_of_its_past() {
        for (before, after) in [(50 * PAGE, 20 * PAGE + 1), (2 * BLOCK, BLOCK + 100)] {
            let files = MemFiles::default();
            let secret = files.store(&bytes(before, 0xAA)).unwrap();
            let place = start(&secret);
            drop(secret);
            let file = files.store(&bytes(after, 1)).unwrap();
            assert_eq!(start(&file), place, "it is recycled");
            assert_holds(&file, 1);
            if file.0.unit == Unit::Block {
                let mut rest = bytes(BLOCK - PAGE, 1);
                let behind = place + after.next_multiple_of(PAGE);
                file.file().read_exact_at(&mut rest, behind).unwrap();
                assert!(rest.iter().all(|byte| *byte == 0));
            }
        }
    }

    /// A reader or a view is a holder: the store's own may go, and others may come.
    #[test]
    fn what_is_held_is_not_recycled() {
        for len in [20 * PAGE, 2 * BLOCK] {
            let files = MemFiles::default();
            let stored = files.store(&bytes(len, 7)).unwrap();
            assert!(stored.is_only_holder());
            let view = stored.clone();
            assert!(!stored.is_only_holder());
            drop(stored);
            assert!(view.is_only_holder());
            let others: Vec<_> = (0..4)
                .map(|_| files.store(&bytes(len, 9)).unwrap())
                .collect();
            assert!(others.iter().all(|other| start(other) != start(&view)));
            assert_holds(&view, 7);
            let place = start(&view);
            drop((view, others));
            assert_eq!(files.in_use_and_warm(), (0, 5 * len));
            let again: Vec<_> = (0..5)
                .map(|_| files.store(&bytes(len, 3)).unwrap())
                .collect();
            assert!(again.iter().any(|file| start(file) == place), "now it is");
        }
    }

    #[test]
    fn free_memory_goes_back_beyond_the_cap() {
        for len in [40 * PAGE, 4 * BLOCK] {
            let memory = 4 * 2 * len;
            let files = MemFiles::new(memory);
            let all: Vec<_> = (0..8)
                .map(|_| files.store(&bytes(len, 1)).unwrap())
                .collect();
            let taken = || all[0].file().metadata().unwrap().blocks() * 512;
            assert!(taken() >= 8 * len);
            assert_eq!(files.in_use_and_warm(), (8 * len, 0));
            let (first, rest) = all.split_at(1);
            let (first, rest) = (first[0].clone(), rest.to_vec());
            drop((all, rest));
            assert_eq!(files.in_use_and_warm(), (len, 2 * len), "a share is warm");
            assert!(first.file().metadata().unwrap().blocks() * 512 <= 3 * len + BLOCK);
        }
    }

    #[test]
    fn a_full_store_keeps_nothing_warm() {
        let files = MemFiles::new(40 * PAGE);
        let held = files.store(&bytes(38 * PAGE, 1)).unwrap();
        drop(files.store(&bytes(20 * PAGE, 1)).unwrap());
        assert_eq!(files.in_use_and_warm(), (38 * PAGE, 2 * PAGE));
        drop(held);
    }

    #[test]
    fn the_file_is_sealed_and_nothing_stays_mapped() {
        let files = MemFiles::default();
        let file = files.store(&bytes(3 * BLOCK + 5, 1)).unwrap();
        assert!(file.file().set_len(0).is_err());
        assert!(file.file().set_len(LARGEST * 2).is_err());
        let inode = format!(" {} ", file.file().metadata().unwrap().ino());
        let maps = fs::read_to_string("/proc/self/maps").unwrap();
        let mapped = maps.lines().filter(|line| line.contains(&inode));
        assert_eq!(mapped.collect::<Vec<_>>(), Vec::<&str>::new());
    }

    #[test]
    fn only_its_own_bytes_are_read() {
        let files = MemFiles::default();
        let file = files.store(b"abc").unwrap();
        let _next = files.store(b"def").unwrap();
        let mut target = [0; 2];
        file.read_at(1, &mut target).unwrap();
        assert_eq!(&target, b"bc");
        for offset in [2, 3, 4096, u64::MAX] {
            assert!(file.read_at(offset, &mut target).is_err(), "{offset}");
        }
    }

    /// `cargo test --release -p wrun-host --lib put_speed -- --ignored --nocapture`
    #[test]
    #[ignore = "prints rates, and needs a machine of its own"]
    fn put_speed() {
        let files = MemFiles::default();
        let len = 100_000_000;
        let (source, mut target) = (bytes(len, 7), bytes(len, 1));
        let rate = |of: &mut dyn FnMut()| {
            let mut all: Vec<f64> = (0..9)
                .map(|_| {
                    let begin = crate::rt::clock::now();
                    of();
                    100.0e6 / begin.elapsed().as_secs_f64() / 1e9
                })
                .collect();
            let first = all[0];
            all.sort_by(f64::total_cmp);
            (first, all[4])
        };
        let copy = rate(&mut || {
            target.copy_from_slice(&source);
            std::hint::black_box(&target);
        });
        let put = rate(&mut || drop(files.store(&source).unwrap()));
        let paged = rate(&mut || {
            let file = files.part(len).unwrap();
            file.file().write_all_at(&source, start(&file)).unwrap();
        });
        let small = rate(&mut || {
            for part in source.chunks(1 << 20) {
                drop(files.store(part).unwrap());
            }
        });
        println!(
            "GB/s, first and median: copy {copy:.2?}, put {put:.2?}, paged {paged:.2?}, 1 MiB {small:.2?}"
        );
    }
}
