//! Space for records: size classes of equal pieces in chunks of 64 KiB, so that
//! an entry costs no allocation of its own. A snapshot freezes all chunks, which
//! copies nothing; a frozen chunk that is written to is copied, or taken back
//! when the snapshot is done with it.

use super::record;
use std::sync::Arc;

/// Where a record is: size class and number. At most [`Loc::MOST`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Loc(pub u64);

const NUMBER_BITS: u32 = 33;

impl Loc {
    /// No place.
    pub const NONE: Self = Self(u64::MAX);
    /// The largest.
    pub const MOST: u64 = (1 << 40) - 3;

    fn new(class: usize, number: u64) -> Self {
        Self((class as u64) << NUMBER_BITS | number)
    }

    #[inline]
    fn class(self) -> usize {
        (self.0 >> NUMBER_BITS) as usize
    }

    #[inline]
    fn number(self) -> u64 {
        self.0 & ((1 << NUMBER_BITS) - 1)
    }
}

const CHUNK: usize = 64 << 10;
/// Classes in steps of eight bytes up to 128.
const FINE: usize = 15;
/// Beyond, eight classes each time that the size doubles, up to a chunk.
const STEPS: usize = 8;
const HUGE: usize = FINE + 9 * STEPS;

/// Smallest class whose pieces have `bytes`.
fn class_of(bytes: usize) -> usize {
    if bytes <= 128 {
        return bytes.max(16).div_ceil(8) - 2;
    }
    if bytes > CHUNK {
        return HUGE;
    }
    // 2^k < bytes <= 2^(k+1), in eighths of 2^k.
    let k = (bytes - 1).ilog2() as usize;
    let eighth = (1usize << k) / STEPS;
    let step = (bytes - (1 << k)).div_ceil(eighth);
    FINE + (k - 7) * STEPS + step - 1
}

fn size_of(class: usize) -> usize {
    if class < FINE {
        return (class + 2) * 8;
    }
    let (k, step) = ((class - FINE) / STEPS + 7, (class - FINE) % STEPS + 1);
    (1 << k) + step * ((1 << k) / STEPS)
}

enum Chunk {
    Own(Vec<u8>),
    /// A snapshot reads it.
    Frozen(Arc<Vec<u8>>),
}

impl Chunk {
    #[inline]
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Own(v) => v,
            Self::Frozen(v) => v,
        }
    }

    #[inline]
    fn own(&mut self) -> &mut Vec<u8> {
        if let Self::Frozen(shared) = self {
            let shared = std::mem::take(shared);
            *self = Self::Own(Arc::try_unwrap(shared).unwrap_or_else(|s| s.to_vec()));
        }
        match self {
            Self::Own(v) => v,
            Self::Frozen(v) => Arc::make_mut(v),
        }
    }
}

/// The records of one size.
struct Class {
    size: usize,
    /// Records in a chunk: 2 to the power of this.
    shift: u32,
    chunks: Vec<Chunk>,
    /// Records in use, by chunk.
    used: Vec<u32>,
    /// Records that were ever in use: all beyond are free.
    next: u64,
    free: Vec<u64>,
}

impl Class {
    fn new(class: usize) -> Self {
        let size = size_of(class);
        let shift = if class >= HUGE { 0 } else { shift_of(size) };
        Self { size, shift, chunks: Vec::new(), used: Vec::new(), next: 0, free: Vec::new() }
    }

    #[inline]
    fn place(&self, number: u64) -> (usize, usize) {
        place(number, self.shift, self.size)
    }
}

/// Records of a size in a chunk: 2 to the power of this.
fn shift_of(size: usize) -> u32 {
    (CHUNK / size).max(1).ilog2()
}

/// Chunk, and offset in it.
#[inline]
fn place(number: u64, shift: u32, size: usize) -> (usize, usize) {
    ((number >> shift) as usize, (number & ((1 << shift) - 1)) as usize * size)
}

/// All chunks of an arena at one moment.
#[derive(Default)]
pub struct Frozen {
    /// Size of the records (0: each chunk is one), and the chunks.
    classes: Vec<(usize, Vec<Arc<Vec<u8>>>)>,
}

impl Frozen {
    /// A record's space.
    pub(super) fn get(&self, loc: Loc) -> Option<&[u8]> {
        let (size, chunks) = self.classes.get(loc.class())?;
        if *size == 0 {
            return chunks.get(loc.number() as usize).map(|c| c.as_slice());
        }
        let (chunk, offset) = place(loc.number(), shift_of(*size), *size);
        chunks.get(chunk)?.get(offset..offset + size)
    }

    /// Every piece of space, in use or not.
    pub(super) fn records(&self) -> impl Iterator<Item = &[u8]> {
        self.classes.iter().flat_map(|(size, chunks)| {
            chunks.iter().flat_map(move |c| c.chunks_exact(if *size == 0 { c.len().max(1) } else { *size }))
        })
    }
}

/// See the module.
#[derive(Default)]
pub(super) struct Arena {
    classes: Vec<Class>,
}

impl Arena {
    /// A record of at least `bytes`, its content undefined. `None` when there are too many.
    pub fn allocate(&mut self, bytes: usize) -> Option<Loc> {
        let number = class_of(bytes);
        while self.classes.len() <= number {
            self.classes.push(Class::new(self.classes.len()));
        }
        let class = self.classes.get_mut(number)?;
        let index = match class.free.pop() {
            Some(index) => index,
            None => {
                class.next += 1;
                class.next - 1
            }
        };
        let loc = Loc::new(number, index);
        if index >= 1 << NUMBER_BITS || loc.0 > Loc::MOST {
            return None;
        }
        let (chunk, offset) = class.place(index);
        while class.chunks.len() <= chunk {
            class.chunks.push(Chunk::Own(Vec::new()));
            class.used.push(0);
        }
        let end = offset + if number == HUGE { bytes } else { class.size };
        let whole = if chunk == 0 || number == HUGE { end } else { class.size << class.shift };
        let space = class.chunks.get_mut(chunk)?.own();
        if space.is_empty() && whole > end {
            // A class of many records grows by whole chunks, which are then not moved as they fill.
            *space = vec![0; whole];
        } else if space.len() < end {
            space.resize(end, 0);
        }
        *class.used.get_mut(chunk)? += 1;
        Some(loc)
    }

    /// Gives a record's space back.
    pub fn free(&mut self, loc: Loc) {
        if let Some(record) = self.get_mut(loc) {
            record::set_flags(record, 0);
        }
        let Some(class) = self.classes.get_mut(loc.class()) else { return };
        let (chunk, _) = class.place(loc.number());
        class.free.push(loc.number());
        if let (Some(used), Some(chunk)) = (class.used.get_mut(chunk), class.chunks.get_mut(chunk)) {
            *used -= 1;
            if *used == 0 {
                *chunk = Chunk::Own(Vec::new());
            }
        }
    }

    /// A record's space.
    #[inline]
    pub fn get(&self, loc: Loc) -> Option<&[u8]> {
        let class = self.classes.get(loc.class())?;
        let (chunk, offset) = class.place(loc.number());
        let bytes = class.chunks.get(chunk)?.bytes();
        if loc.class() == HUGE { Some(bytes) } else { bytes.get(offset..offset + class.size) }
    }

    /// A byte of a record: read for many records in a row, their cache misses overlap.
    #[inline]
    pub fn touch(&self, loc: Loc) -> u8 {
        let Some(class) = self.classes.get(loc.class()) else { return 0 };
        let (chunk, offset) = class.place(loc.number());
        class.chunks.get(chunk).and_then(|c| c.bytes().get(offset)).copied().unwrap_or(0)
    }

    /// A record's space, to be written to.
    #[inline]
    pub fn get_mut(&mut self, loc: Loc) -> Option<&mut [u8]> {
        let class = self.classes.get_mut(loc.class())?;
        let (chunk, offset) = class.place(loc.number());
        let size = class.size;
        let bytes = class.chunks.get_mut(chunk)?.own();
        if loc.class() == HUGE { Some(bytes) } else { bytes.get_mut(offset..offset + size) }
    }

    /// The record that follows in a round over all space, in use or not; from the start behind the last.
    pub fn after(&self, loc: Loc) -> Option<Loc> {
        let (mut class, mut number) = (loc.class(), loc.number() + 1);
        for _ in 0..2 * self.classes.len() + 2 {
            match self.classes.get(class) {
                Some(c) if number < c.next => return Some(Loc::new(class, number)),
                Some(_) => class += 1,
                None => class = 0,
            }
            number = 0;
        }
        None
    }

    /// Number of records, in use or not.
    pub fn total(&self) -> u64 {
        self.classes.iter().map(|c| c.next).sum()
    }

    /// Every record's place, in use or not.
    pub fn locs(&self) -> impl Iterator<Item = Loc> + '_ {
        self.classes.iter().enumerate().flat_map(|(c, class)| (0..class.next).map(move |n| Loc::new(c, n)))
    }

    /// The content as of now.
    pub fn freeze(&mut self) -> Frozen {
        let freeze = |chunk: &mut Chunk| {
            if let Chunk::Own(v) = chunk {
                *chunk = Chunk::Frozen(Arc::new(std::mem::take(v)));
            }
            match chunk {
                Chunk::Frozen(v) => Arc::clone(v),
                Chunk::Own(_) => Arc::default(),
            }
        };
        let classes = self.classes.iter_mut().enumerate();
        let classes = classes
            .map(|(i, c)| (if i == HUGE { 0 } else { c.size }, c.chunks.iter_mut().map(freeze).collect()))
            .collect();
        Frozen { classes }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn classes_hold_what_they_are_for() {
        let mut last = 0;
        for bytes in 1..=CHUNK {
            let class = class_of(bytes);
            assert!(class == last || class == last + 1, "{bytes}");
            last = class;
            assert!(size_of(class) >= bytes, "{bytes}: {}", size_of(class));
            assert!(bytes <= 16 || size_of(class) <= bytes + (bytes / 8).max(8), "{bytes}: {}", size_of(class));
        }
        assert_eq!((last + 1, class_of(CHUNK + 1)), (HUGE, HUGE));
        assert!(Loc::new(HUGE, (1 << NUMBER_BITS) - 1).0 < Loc::MOST);
    }

    #[test]
    fn a_frozen_arena_keeps_its_content() {
        let mut arena = Arena::default();
        let locs: Vec<Loc> = [16, 16, 5000, 200_000].map(|bytes| arena.allocate(bytes).unwrap()).to_vec();
        for loc in &locs {
            arena.get_mut(*loc).unwrap().fill(1);
        }
        let frozen = arena.freeze();
        for loc in &locs {
            arena.get_mut(*loc).unwrap().fill(2);
        }
        arena.free(locs[0]);
        let read: Vec<&[u8]> = frozen.records().collect();
        assert_eq!(read.iter().map(|r| r.len()).collect::<Vec<_>>(), [16, 16, size_of(class_of(5000)), 200_000]);
        assert!(read.iter().all(|r| r.iter().all(|b| *b == 1)));
        assert_eq!(arena.allocate(10), Some(locs[0]), "free space is used again");
        assert!(arena.get(locs[3]).unwrap().iter().all(|b| *b == 2));
    }
}
