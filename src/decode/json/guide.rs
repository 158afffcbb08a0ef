//! What key comes next: exporters write the keys of one kind of object in one order, so the key
//! that followed last time is tried first, as whole words, before anything is searched.

use super::{
    keys::Keys,
    text::{Text, key_hash},
};

/// Keys that one guide knows: the bits of a [`SeenKeys`].
const ENTRIES_MAX: usize = 128;
/// Bytes of a key with its quotes, colon and white space that are compared at once.
const SPELLING_MAX: usize = 32;
const NONE: u8 = u8::MAX;

/// The keys that objects of one schema had, and which one followed which.
///
/// It only makes reading faster: whatever it remembers, the same record reads the same. Entries
/// are added until there are [`ENTRIES_MAX`], never removed, and no two have the same key; the
/// schema's own names come first, so foreign keys cannot crowd them out.
#[derive(Debug, Default)]
pub(in crate::decode) struct Guide {
    entries: Vec<GuideEntry>,
    /// What came first in the last object.
    first: u8,
}

/// One guide for each schema.
#[derive(Debug, Default)]
pub(in crate::decode) struct Guides {
    pub ethereum: Guide,
    pub bitcoin: Guide,
    pub input: Guide,
    pub output: Guide,
    pub rpc: Guide,
}

#[derive(Debug)]
struct GuideEntry {
    /// White space, quoted key, colon, white space; as little-endian words, zeros behind.
    spelling: [u64; SPELLING_MAX / 8],
    /// The bytes of `spelling` that count.
    mask: [u64; SPELLING_MAX / 8],
    len: u8,
    /// The entry that followed last time.
    next: u8,
    hash: u64,
    key: Box<[u8]>,
}

/// The keys that one object already had.
pub(in crate::decode) struct SeenKeys {
    bits: [u64; ENTRIES_MAX / 64],
    n_keys: usize,
    last: u8,
    /// What is expected next; always an entry with a spelling, or none.
    next: u8,
}

impl GuideEntry {
    fn new(key: &[u8]) -> Self {
        let hash = key_hash(key);
        Self { spelling: [0; 4], mask: [0; 4], len: 0, next: NONE, hash, key: key.into() }
    }

    /// Remembers how the key is written; false when that is too long to be compared at once.
    fn learn(&mut self, written: &[u8]) -> bool {
        let mut padded = [0; SPELLING_MAX];
        let mut mask = [0; SPELLING_MAX];
        let (Some(start), Some(counting)) =
            (padded.get_mut(..written.len()), mask.get_mut(..written.len()))
        else {
            return false;
        };
        start.copy_from_slice(written);
        counting.fill(u8::MAX);
        (self.spelling, self.mask) = (words(&padded), words(&mask));
        self.len = written.len() as u8;
        true
    }
}

#[inline]
fn words(bytes: &[u8; SPELLING_MAX]) -> [u64; SPELLING_MAX / 8] {
    let (chunks, _) = bytes.as_chunks::<8>();
    let mut words = [0; SPELLING_MAX / 8];
    for (word, chunk) in words.iter_mut().zip(chunks) {
        *word = u64::from_le_bytes(*chunk);
    }
    words
}

impl Guide {
    /// Begins an object; the names of the schema are the first entries.
    #[inline]
    pub fn begin<const N: usize>(&mut self, keys: &Keys<N>) -> SeenKeys {
        if self.entries.is_empty() {
            self.first = NONE;
            self.entries.extend(keys.names.iter().map(|name| GuideEntry::new(name.as_bytes())));
        }
        SeenKeys { bits: [0; ENTRIES_MAX / 64], n_keys: 0, last: NONE, next: self.first }
    }

    /// Returns the key that should come and the bytes it takes, if `rest` goes on with it.
    #[inline]
    pub fn predict(&self, seen: &SeenKeys, rest: &[u8]) -> Option<(usize, usize)> {
        let entry = self.entries.get(usize::from(seen.next))?;
        let here = words(rest.first_chunk()?);
        let mut differing = 0;
        for ((here, spelling), mask) in here.iter().zip(&entry.spelling).zip(&entry.mask) {
            differing |= (here ^ spelling) & mask;
        }
        (differing == 0).then_some((usize::from(seen.next), usize::from(entry.len)))
    }

    /// Notes a key; false when the object already had it.
    #[inline]
    pub fn note(&self, seen: &mut SeenKeys, i: usize) -> bool {
        let (word, bit) = (&mut seen.bits[i / 64], 1 << (i % 64));
        let is_new = *word & bit == 0;
        *word |= bit;
        seen.n_keys += 1;
        seen.last = i as u8;
        seen.next = self.entries[i].next;
        is_new
    }

    /// Finds or adds a key; `None` when it has no place here.
    pub fn find<const N: usize>(&mut self, keys: &Keys<N>, key: Text<'_>) -> Option<usize> {
        if key.is_escaped {
            return None;
        }
        let hash = key_hash(key.raw);
        if let Some(i) = keys.find(hash, key.raw) {
            return Some(i);
        }
        let is_same = |entry: &GuideEntry| entry.hash == hash && *entry.key == *key.raw;
        if let Some(i) = self.entries[N..].iter().position(is_same) {
            return Some(N + i);
        }
        if self.entries.len() == ENTRIES_MAX || key.raw.len() > SPELLING_MAX {
            return None;
        }
        self.entries.push(GuideEntry::new(key.raw));
        Some(self.entries.len() - 1)
    }

    /// Remembers how key `i` is written and what it follows.
    pub fn learn(&mut self, seen: &SeenKeys, i: usize, written: &[u8]) {
        if !self.entries[i].learn(written) {
            return;
        }
        match self.entries.get_mut(usize::from(seen.last)) {
            Some(last) => last.next = i as u8,
            None => self.first = i as u8,
        }
    }
}

impl SeenKeys {
    /// Returns how many keys were noted.
    #[inline]
    pub fn n_keys(&self) -> usize {
        self.n_keys
    }
}
