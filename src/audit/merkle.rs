//! An append-only Merkle tree, of which only the frontier is kept (RFC 6962 §2.1).

use super::Digest;
use serde::{Deserialize, Serialize};

/// Roots of the perfect subtrees of a tree, the largest first: what appending and the root need.
///
/// # Source
/// RFC 6962 §2.1: leaf = SHA-256(0x00 ‖ data), node = SHA-256(0x01 ‖ left ‖ right), the empty
/// tree's root = SHA-256("").
///
/// # Cost
/// One digest for each one-bit of the number of leaves, so at most 64; appending is O(1) amortised.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frontier {
    n_leaves: u64,
    subtrees: Vec<Digest>,
}

impl Frontier {
    /// Rebuilds a frontier from what a checkpoint says; `None` when the numbers do not fit.
    pub fn of(n_leaves: u64, subtrees: Vec<Digest>) -> Option<Self> {
        (subtrees.len() == n_leaves.count_ones() as usize).then_some(Self { n_leaves, subtrees })
    }

    /// Appends a leaf with its data.
    pub fn push(&mut self, data: &[u8]) {
        let mut node = Digest::of(&[&[0], data]);
        // Each trailing one-bit is a perfect subtree as large as the one being carried.
        for _ in 0..self.n_leaves.trailing_ones() {
            let Some(left) = self.subtrees.pop() else { break };
            node = parent(&left, &node);
        }
        self.subtrees.push(node);
        self.n_leaves += 1;
    }

    /// Returns the number of leaves.
    pub fn n_leaves(&self) -> u64 {
        self.n_leaves
    }

    /// Returns the roots of the perfect subtrees, the largest first.
    pub fn subtrees(&self) -> &[Digest] {
        &self.subtrees
    }

    /// Returns the root of the whole tree.
    pub fn root(&self) -> Digest {
        let from_right = self.subtrees.iter().rev().copied();
        from_right.reduce(|right, left| parent(&left, &right)).unwrap_or_else(|| Digest::of(&[]))
    }
}

fn parent(left: &Digest, right: &Digest) -> Digest {
    Digest::of(&[&[1], &left.0, &right.0])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition of RFC 6962 §2.1, word by word.
    fn mth(leaves: &[Vec<u8>]) -> Digest {
        match leaves {
            [] => Digest::of(&[b""]),
            [only] => Digest::of(&[&[0], only]),
            _ => {
                let k = leaves.len().next_power_of_two() / 2;
                Digest::of(&[&[1], &mth(&leaves[..k]).0, &mth(&leaves[k..]).0])
            }
        }
    }

    #[test]
    fn the_root_is_that_of_the_definition() {
        let leaves: Vec<Vec<u8>> = (0..70u8).map(|i| vec![i; usize::from(i % 5)]).collect();
        let mut tree = Frontier::default();
        for n in 0..=leaves.len() {
            assert_eq!(tree.root(), mth(&leaves[..n]), "{n} leaves");
            let again = Frontier::of(tree.n_leaves(), tree.subtrees().to_vec());
            assert_eq!(again.as_ref(), Some(&tree));
            if let Some(leaf) = leaves.get(n) {
                tree.push(leaf);
            }
        }
        assert_eq!(Frontier::of(3, vec![Digest::default()]), None);
    }

    #[test]
    fn the_root_is_that_of_certificate_transparency() {
        // The reference inputs and roots of the certificate-transparency project's tests.
        let hex = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"];
        let roots = [
            (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
            (2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
            (3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
            (4, "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
            (7, "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"),
        ];
        for (n, root) in roots {
            let mut tree = Frontier::default();
            for text in &hex[..n] {
                let byte = |i: usize| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap();
                tree.push(&(0..text.len() / 2).map(byte).collect::<Vec<_>>());
            }
            assert_eq!(tree.root().to_string(), root, "{n} leaves");
        }
    }
}
