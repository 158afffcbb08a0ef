//! The root of a list as block headers commit to it: a Merkle–Patricia trie whose keys are the
//! positions in the list.
//!
//! # Source
//! Ethereum Yellow Paper, appendix D; §4.3.2 for the lists of a block.

use super::{keccak, rlp::RlpWriter};

/// Half-bytes of the longest key: a position is encoded in five bytes at most.
const NIBBLES_MAX: usize = 10;
/// Half-bytes that a branch tells apart.
const RADIX: u8 = 16;
/// Bytes from which on a node is referred to by its hash.
const HASHED_MIN: usize = 32;

/// A list that a header commits to, as far as its values are known.
#[derive(Debug, Default)]
pub(in crate::decode) struct Committed {
    values: Vec<Option<Vec<u8>>>,
}

/// One value and the half-bytes of its key.
struct Leaf<'a> {
    nibbles: [u8; NIBBLES_MAX],
    n_nibbles: usize,
    value: &'a [u8],
}

impl Committed {
    /// Makes a list of as many values as are to come, none of which is known yet.
    pub fn of(n: usize) -> Self {
        Self { values: vec![None; n] }
    }

    /// Returns whether nothing is in the list.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Returns whether every value is known.
    pub fn is_known(&self) -> bool {
        self.values.iter().all(Option::is_some)
    }

    /// Returns whether one of the transactions in it has this type.
    pub fn has_type(&self, tx_type: u8) -> bool {
        self.values.iter().flatten().any(|tx| tx.first() == Some(&tx_type))
    }

    /// Appends a value; `None` for one whose encoding is not known.
    pub fn push(&mut self, value: Option<Vec<u8>>) {
        self.values.push(value);
    }

    /// Puts a value at its place; returns whether that was free.
    pub fn put(&mut self, at: usize, value: Option<Vec<u8>>) -> bool {
        match self.values.get_mut(at) {
            Some(place @ None) => *place = value,
            Some(Some(_)) | None => return false,
        }
        true
    }

    /// Returns the root; `None` unless every value is known.
    ///
    /// # Cost
    /// Hashes each value about once and a half.
    pub fn root(&self) -> Option<[u8; 32]> {
        let values: Option<Vec<&[u8]>> = self.values.iter().map(Option::as_deref).collect();
        values.map(|values| root(&values))
    }
}

/// Returns the root of a list.
fn root(values: &[&[u8]]) -> [u8; 32] {
    // In the order of their keys: the key of position 0 is 0x80, behind those of 1 to 127.
    let n_small = values.len().min(0x80);
    let order = (1..n_small).chain(0..n_small.min(1)).chain(n_small..values.len());
    let leaves: Vec<Leaf<'_>> = order.map(|i| Leaf::new(i, values[i])).collect();
    let mut writer = RlpWriter::default();
    match leaves.is_empty() {
        true => writer.bytes(b""),
        false => write_node(&leaves, 0, &mut writer),
    }
    keccak(&[&writer.out])
}

impl<'a> Leaf<'a> {
    fn new(position: usize, value: &'a [u8]) -> Self {
        let mut key = RlpWriter::default();
        key.uint(&(position as u64).to_be_bytes());
        let mut nibbles = [0; NIBBLES_MAX];
        for (pair, byte) in nibbles.chunks_exact_mut(2).zip(&key.out) {
            pair.copy_from_slice(&[byte >> 4, byte & 0xf]);
        }
        Self { nibbles, n_nibbles: (2 * key.out.len()).min(NIBBLES_MAX), value }
    }

    fn key(&self) -> &[u8] {
        &self.nibbles[..self.n_nibbles]
    }
}

/// Writes the node below which all leaves are, whose keys are equal up to `depth`, and sorted.
fn write_node(leaves: &[Leaf<'_>], depth: usize, writer: &mut RlpWriter) {
    let (Some(first), Some(last)) = (leaves.first(), leaves.last()) else {
        return writer.bytes(b"");
    };
    let start = writer.out.len();
    if leaves.len() == 1 {
        writer.bytes(&path(&first.key()[depth..], true));
        writer.bytes(first.value);
        return writer.wrap(start);
    }
    let pairs = first.key()[depth..].iter().zip(&last.key()[depth..]);
    let n_shared = pairs.take_while(|(a, b)| a == b).count();
    if n_shared > 0 {
        writer.bytes(&path(&first.key()[depth..depth + n_shared], false));
        write_reference(leaves, depth + n_shared, writer);
        return writer.wrap(start);
    }
    let mut rest = leaves;
    for nibble in 0..RADIX {
        let n = rest.partition_point(|leaf| leaf.key()[depth] <= nibble);
        let (here, behind) = rest.split_at(n);
        write_reference(here, depth + 1, writer);
        rest = behind;
    }
    // No key is the beginning of another: a branch has no value of its own.
    writer.bytes(b"");
    writer.wrap(start);
}

/// Writes a node as its parent refers to it: itself when it is short, else its hash.
fn write_reference(leaves: &[Leaf<'_>], depth: usize, writer: &mut RlpWriter) {
    let start = writer.out.len();
    write_node(leaves, depth, writer);
    if writer.out.len() - start >= HASHED_MIN {
        let hash = keccak(&[&writer.out[start..]]);
        writer.out.truncate(start);
        writer.bytes(&hash);
    }
}

/// Packs half-bytes of a key, with a mark whether a leaf ends them.
fn path(nibbles: &[u8], is_leaf: bool) -> Vec<u8> {
    let is_odd = nibbles.len() % 2 == 1;
    let (lead, even) = nibbles.split_at(usize::from(is_odd));
    let mark = u8::from(is_leaf) << 5 | u8::from(is_odd) << 4;
    let mut packed = vec![mark | lead.first().copied().unwrap_or(0)];
    packed.extend(even.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]));
    packed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Hash32;

    #[test]
    fn an_empty_list_has_the_root_that_empty_blocks_show() {
        let root = Hash32(Committed::default().root().unwrap());
        let known = "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421";
        assert_eq!(root.to_string(), known);
    }

    #[test]
    fn each_value_and_its_place_count() {
        // Sizes around the lengths at which keys grow.
        for n in [1, 2, 16, 17, 127, 128, 129, 255, 256, 257, 400] {
            let value = |i: usize| vec![i as u8; 1 + i % 70];
            let values: Vec<Vec<u8>> = (0..n).map(value).collect();
            let root = |values: &[Vec<u8>]| {
                let values = values.iter().cloned().map(Some).collect();
                Committed { values }.root().unwrap()
            };
            let clean = root(&values);
            assert_ne!(clean, root(&values[1..]), "{n}");
            assert_ne!(clean, root(&[&values[..], &[value(0)]].concat()), "{n}");
            let mut changed = values.clone();
            changed[n / 2].push(0);
            assert_ne!(clean, root(&changed), "{n}");
            changed = values.clone();
            changed.swap(0, n - 1);
            assert_eq!(clean == root(&changed), n == 1, "{n}");
        }
    }

    #[test]
    fn a_list_with_an_unknown_value_has_no_root() {
        let mut list = Committed::of(2);
        assert!(list.put(1, Some(vec![1])) && !list.put(1, Some(vec![2])) && !list.put(2, None));
        assert_eq!(list.root(), None);
        assert!(list.put(0, Some(vec![0])));
        assert!(list.root().is_some());
        list.push(None);
        assert_eq!(list.root(), None);
    }
}
