//! Putting a linear memory back to what its module starts with, before its slot goes back to the pool.
//!
//! For modules that start with much memory, rewriting all of a slot for each call is most of a call's price. The pool
//! they use asks the kernel which pages were written (`PAGEMAP_SCAN`) and rewrites only those. But Wasmtime's own scan
//! passes over a written page that is not present at that moment, because it is swapped out or just being moved (by
//! compaction or NUMA balancing), and the next guest in the slot would read it. So a [`Reset`] rewrites every written
//! page, those too, before Wasmtime looks; what Wasmtime then misses is clean already.
//!
//! # Why it is sound
//!
//! - **Where.** The memory lies in a slot of a pool: it never moves, and the slot belongs to this sandbox alone until its
//!   store is dropped. [`Reset::run`] is called by the drop of the store's data, which comes before that of the instance
//!   (see `views.rs`), when no guest and no host function runs, so nobody holds a reference into the memory.
//! - **What.** [`Image`] is made from the module's own data segments, so what an earlier guest may have left in a slot
//!   can't get into it. Modules whose first contents are not known beforehand (a segment whose place is computed, a
//!   start function, which would run before the memory's address is known) don't use this pool.
//! - **All of it.** The scan covers the memory as large as it is, and asks for pages that were written, whether they are
//!   present or not, without those that are still the file's or the zero page. When it fails, or when more is written
//!   than is worth keeping, the kernel is told to drop the pages, after which they are as at the start. When that
//!   fails too, the process ends: the next guest in that slot would see what this one left.

#![allow(
    unsafe_code,
    reason = "a linear memory whose guest has ended can be asked about and rewritten by its address only"
)]

use std::{
    ffi::c_void,
    fs::File,
    sync::{Arc, OnceLock},
};

use rustix::{
    io::Errno,
    ioctl::{self, Ioctl, IoctlOutput, Opcode},
    mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap},
    param::page_size,
};

use super::views::{end_process, pointer};

/// So many bytes are rewritten at most; the pages of what is left are dropped.
const REWRITTEN: usize = 2 << 20;

/// What a memory starts with: zeros, and the module's data.
#[derive(Debug, Default)]
pub(super) struct Image {
    /// By their place, each after the one before it; none is empty.
    pieces: Vec<(usize, Box<[u8]>)>,
}

impl Image {
    /// Of data at these places, which are written in this order; `None` if two of them overlap.
    pub(super) fn of<'a>(data: impl IntoIterator<Item = (usize, &'a [u8])>) -> Option<Self> {
        let data = data.into_iter().filter(|(_, bytes)| !bytes.is_empty());
        let mut pieces: Vec<_> = data.map(|(at, bytes)| (at, Box::from(bytes))).collect();
        pieces.sort_by_key(|&(at, _)| at);
        let apart = |pair: &[(usize, Box<[u8]>)]| pair[0].0 + pair[0].1.len() <= pair[1].0;
        pieces.windows(2).all(apart).then_some(Self { pieces })
    }

    /// Writes what the memory starts with from `at` on.
    pub(super) fn write(&self, at: usize, into: &mut [u8]) {
        into.fill(0);
        let end = at + into.len();
        let first = self
            .pieces
            .partition_point(|(from, piece)| from + piece.len() <= at);
        for (from, piece) in self.pieces[first..]
            .iter()
            .take_while(|(from, _)| *from < end)
        {
            let (start, stop) = ((*from).max(at), (from + piece.len()).min(end));
            into[start - at..stop - at].copy_from_slice(&piece[start - from..stop - from]);
        }
    }
}

/// A linear memory that is to be put back.
#[derive(Debug)]
pub(super) struct Reset {
    image: Arc<Image>,
    /// Where it begins in this process.
    base: usize,
}

impl Reset {
    /// `base` is where a memory in a slot of a pool begins, whose contents are those of `image`.
    pub(super) fn new(image: Arc<Image>, base: usize) -> Self {
        Self { image, base }
    }

    /// Puts the first `len` bytes back, which is as large as the memory is; it must not be used afterwards.
    pub(super) fn run(&self, len: usize) {
        let end = self.base + len;
        let (mut at, mut left) = (self.base, REWRITTEN);
        let mut found = [Found::default(); 64];
        while at < end {
            let Ok((pages, next)) = written(at, end, &mut found) else {
                return drop_pages(at, end);
            };
            for page in pages {
                let (from, to) = (address(page.start), address(page.end));
                if to - from > left {
                    return drop_pages(from, end);
                }
                left -= to - from;
                // No safe way: the memory belongs to Wasmtime.
                // SAFETY: the kernel named pages inside `at..end`, which are readable and writable memory of this
                // sandbox that nobody else uses any more ("Why it is sound").
                let bytes =
                    unsafe { std::slice::from_raw_parts_mut(pointer(from).cast(), to - from) };
                self.image.write(from - self.base, bytes);
            }
            at = next;
        }
    }
}

#[cfg(test)]
impl Reset {
    /// Has the kernel move the first `len` bytes to disk, if it has swap.
    pub(super) fn page_out(&self, len: usize) {
        // No safe way: it takes an address.
        // SAFETY: it changes no contents.
        let _ = unsafe { madvise(pointer(self.base), len, Advice::LinuxPageOut) };
    }
}

/// Whether the kernel tells which pages were written, as Linux does from 6.7 on.
///
/// # Errors
/// Why not.
pub(super) fn check() -> Result<(), String> {
    static CHECKED: OnceLock<Result<(), String>> = OnceLock::new();
    let check = || {
        let why =
            |error: Errno| format!("the kernel does not tell which pages were written ({error})");
        let len = 2 * page_size();
        // No safe way to get pages that nothing else is in.
        // SAFETY: a new mapping, which nobody has a reference into.
        let pages = unsafe {
            let access = ProtFlags::READ | ProtFlags::WRITE;
            mmap_anonymous(std::ptr::null_mut(), len, access, MapFlags::PRIVATE)
        };
        let pages = pages.map_err(why)?;
        // No safe way: as above.
        // SAFETY: the second page of that mapping, which is writable.
        unsafe { pages.cast::<u8>().add(page_size()).write(1) };
        let (start, end) = (pages.addr(), pages.addr() + len);
        let mut found = [Found::default(); 4];
        let found = written(start, end, &mut found).map(|(pages, next)| (pages.to_vec(), next));
        // No safe way: as above.
        // SAFETY: that mapping, which is not used any more.
        let _ = unsafe { munmap(pages, len) };
        let (found, next) = found.map_err(why)?;
        let second = [(start + page_size(), end)];
        match found
            .iter()
            .map(|page| (address(page.start), address(page.end)))
            .eq(second)
            && next == end
        {
            true => Ok(()),
            false => Err("the kernel tells wrongly which pages were written".to_owned()),
        }
    };
    CHECKED.get_or_init(check).clone()
}

/// Pages next to each other, as `struct page_region` of `linux/fs.h`.
#[derive(Debug, Default, Clone, Copy)]
#[repr(C)]
struct Found {
    start: u64,
    end: u64,
    categories: u64,
}

/// What is asked for, as `struct pm_scan_arg` of `linux/fs.h`.
#[derive(Debug)]
#[repr(C)]
struct Question {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    found: u64,
    found_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

/// `PAGE_IS_…` of `linux/fs.h`.
const WRITTEN: u64 = 1 << 1;
const FILE: u64 = 1 << 2;
const PRESENT: u64 = 1 << 3;
const SWAPPED: u64 = 1 << 4;
const ZERO: u64 = 1 << 5;

// No safe way: the trait says what the kernel does with the pointer.
// SAFETY: the code and the type are those of `PAGEMAP_SCAN` in `linux/fs.h`, `_IOWR('f', 16, struct pm_scan_arg)`.
unsafe impl Ioctl for &mut Question {
    type Output = usize;

    const IS_MUTATING: bool = true;

    fn opcode(&self) -> Opcode {
        ioctl::opcode::read_write::<Question>(b'f', 16)
    }

    fn as_ptr(&mut self) -> *mut c_void {
        std::ptr::from_mut::<Question>(self).cast()
    }

    unsafe fn output_from_ptr(found: IoctlOutput, _: *mut c_void) -> rustix::io::Result<usize> {
        Ok(usize::try_from(found).unwrap_or(0))
    }
}

/// Which pages in `at..end` were written, in order, and how far this looked: as far as `found` holds.
fn written(at: usize, end: usize, found: &mut [Found]) -> rustix::io::Result<(&[Found], usize)> {
    static PAGES: OnceLock<Option<File>> = OnceLock::new();
    let pages = PAGES.get_or_init(|| File::open("/proc/self/pagemap").ok());
    let pages = pages.as_ref().ok_or(Errno::NOENT)?;
    let mut question = Question {
        size: size_of::<Question>() as u64,
        flags: 0,
        start: at as u64,
        end: end as u64,
        walk_end: 0,
        found: found.as_mut_ptr().expose_provenance() as u64,
        found_len: found.len() as u64,
        max_pages: 0,
        category_inverted: ZERO | FILE,
        category_mask: WRITTEN | ZERO | FILE,
        category_anyof_mask: PRESENT | SWAPPED,
        return_mask: 0,
    };
    // No safe way: the kernel writes where the question points.
    // SAFETY: it writes into the question and at most `found_len` entries into `found`, both borrowed here.
    let count = unsafe { ioctl::ioctl(pages, &mut question) }?;
    let next = address(question.walk_end);
    match found.get(..count) {
        Some(found) if next > at && next <= end => Ok((found, next)),
        _ => Err(Errno::INVAL),
    }
}

fn address(at: u64) -> usize {
    usize::try_from(at).expect("an address of this process")
}

/// Has the kernel drop these pages, which are then as they were mapped: the module's data, or zeros.
fn drop_pages(at: usize, end: usize) {
    // No safe way: it changes memory.
    // SAFETY: a part of the same memory as in `Reset::run`; Wasmtime gives pages back in the same way.
    let dropped = unsafe { madvise(pointer(at), end - at, Advice::LinuxDontNeed) };
    if let Err(error) = dropped {
        end_process("can't put a sandbox's memory back", error);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_its_pieces_and_zeros() {
        let image = Image::of([(10, &b"later"[..]), (2, b"ab"), (7, b"")]).expect("apart");
        let mut all = [9; 20];
        image.write(0, &mut all);
        assert_eq!(&all, b"\0\0ab\0\0\0\0\0\0later\0\0\0\0\0");
        let mut part = [9; 5];
        image.write(3, &mut part);
        assert_eq!(&part, b"b\0\0\0\0");
        image.write(12, &mut part);
        assert_eq!(&part, b"ter\0\0");
        assert!(Image::of([(0, &b"abc"[..]), (2, b"c")]).is_none());
    }

    /// On pages of its own: what was written, here and there and much of it, is as at the start afterwards.
    #[test]
    fn what_was_written_is_put_back() {
        if let Err(why) = check() {
            println!("skipped: {why}");
            return;
        }
        let len = 8 << 20;
        // SAFETY: a new mapping of this test's own.
        let memory = unsafe {
            let access = ProtFlags::READ | ProtFlags::WRITE;
            let pages = mmap_anonymous(std::ptr::null_mut(), len, access, MapFlags::PRIVATE);
            std::slice::from_raw_parts_mut(pages.expect("memory").cast::<u8>(), len)
        };
        let (data, at) = (vec![7; 10_000], 123_456);
        let image = Arc::new(Image::of([(at, &data[..])]).expect("one piece"));
        let reset = Reset::new(image.clone(), memory.as_ptr().expose_provenance());
        for dirty in [1, 40, 300, len / 4096] {
            // The kernel drops pages to what they were mapped as, which here is zeros and no data.
            memory[at..at + data.len()].copy_from_slice(&data);
            (0..dirty).for_each(|page| memory[page * (len / dirty) + page % 4096] = 1);
            reset.run(len);
            let mut expected = vec![0; len];
            image.write(0, &mut expected);
            if dirty * 4096 > REWRITTEN {
                assert!(
                    memory.iter().skip(REWRITTEN).all(|byte| *byte == 0),
                    "{dirty}"
                );
            } else {
                assert!(*memory == expected[..], "{dirty}");
            }
        }
        // SAFETY: the mapping made above, used for the last time.
        let _ = unsafe { munmap(memory.as_mut_ptr().cast(), len) };
    }
}
