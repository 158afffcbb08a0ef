//! The order of blocks that compete for one height: each branch whole, the one that won last.

use crate::model::BlockHash;
use std::collections::BTreeMap;

/// What is known of a block that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitingBlock {
    pub height: u64,
    pub hash: Option<BlockHash>,
    pub parent: Option<BlockHash>,
    /// A record takes it back.
    pub is_reverted: bool,
    /// When its first record came.
    pub seq: u64,
}

/// One step of the way through the blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visit {
    /// The block's records.
    Enter(usize),
    /// What takes it back, after all that was built on it.
    Leave(usize),
}

/// Blocks as trees.
pub struct Branches {
    roots: Vec<usize>,
    children: Vec<Vec<usize>>,
    /// The greatest height of each block's descendants.
    tops: Vec<u64>,
}

impl Branches {
    /// Links blocks, which are sorted by height and arrival, to their parents; where a source tells
    /// no parents, the last block to come of a height stands on the last of the height below, the
    /// last but one on the last but one, and so on: what goes on is the branch that came last.
    ///
    /// # Cost
    /// O(n log n) in the blocks.
    pub fn of(nodes: &[WaitingBlock]) -> Self {
        let known: BTreeMap<BlockHash, usize> =
            nodes.iter().enumerate().filter_map(|(at, n)| Some((n.hash?, at))).collect();
        let mut of_height: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        nodes
            .iter()
            .enumerate()
            .for_each(|(at, n)| of_height.entry(n.height).or_default().push(at));
        let (mut roots, mut children) = (Vec::new(), vec![Vec::new(); nodes.len()]);
        for (at, node) in nodes.iter().enumerate() {
            let below = node.height.checked_sub(1).and_then(|below| of_height.get(&below));
            let parent = match node.parent {
                Some(hash) => known.get(&hash).copied(),
                None => below.and_then(|below| {
                    let later = of_height[&node.height].iter().rev().position(|o| *o == at)?;
                    below.get((below.len() - 1).saturating_sub(later)).copied()
                }),
            };
            // Heights grow from parent to child, whatever the records say: no cycles.
            match parent.filter(|parent| nodes[*parent].height < node.height) {
                Some(parent) => children[parent].push(at),
                None => roots.push(at),
            }
        }
        let mut tops: Vec<u64> = nodes.iter().map(|node| node.height).collect();
        for at in (0..nodes.len()).rev() {
            tops[at] = children[at].iter().map(|child| tops[*child]).fold(tops[at], u64::max);
        }
        let rank = |at: &usize| (!nodes[*at].is_reverted, tops[*at], nodes[*at].seq);
        children.iter_mut().for_each(|siblings| siblings.sort_by_key(rank));
        roots.sort_by_key(|at| (nodes[*at].height, rank(at)));
        Self { roots, children, tops }
    }

    /// Returns the way through all blocks: below a fork the branches that lost, each whole, then
    /// the one that reaches highest (of equals: the one that came last).
    pub fn walk(&self) -> Vec<Visit> {
        let mut stack: Vec<Visit> = self.roots.iter().rev().map(|at| Visit::Enter(*at)).collect();
        let mut way = Vec::with_capacity(2 * self.tops.len());
        while let Some(visit) = stack.pop() {
            way.push(visit);
            if let Visit::Enter(at) = visit {
                stack.push(Visit::Leave(at));
                stack.extend(self.children[at].iter().rev().map(|child| Visit::Enter(*child)));
            }
        }
        way
    }

    /// Returns the first height up to `frontier` that has to wait: a fork there has a losing branch
    /// that goes on above it.
    pub fn waits_at(&self, nodes: &[WaitingBlock], frontier: u64) -> Option<u64> {
        let families = self.children.iter().chain([&self.roots]);
        let losers = families.flat_map(|siblings| {
            siblings.iter().enumerate().filter(|(n, at)| {
                let is_last =
                    siblings[n + 1..].iter().all(|o| nodes[*o].height != nodes[**at].height);
                !is_last
            })
        });
        let waiting =
            losers.filter(|(_, at)| nodes[**at].height <= frontier && self.tops[**at] > frontier);
        waiting.map(|(_, at)| nodes[*at].height).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Hash32;

    fn node(name: &str, parent: Option<&str>, seq: u64) -> WaitingBlock {
        let hash = |name: &str| {
            let mut bytes = [0; 32];
            bytes[..name.len()].copy_from_slice(name.as_bytes());
            Hash32(bytes)
        };
        let height = name[..3].parse().unwrap();
        WaitingBlock {
            height,
            hash: Some(hash(name)),
            parent: parent.map(hash),
            is_reverted: false,
            seq,
        }
    }

    fn way(nodes: &[(&str, Option<&str>)]) -> String {
        let mut named: Vec<(WaitingBlock, &str)> = nodes
            .iter()
            .zip(0..)
            .map(|((name, parent), seq)| (node(name, *parent, seq), *name))
            .collect();
        named.sort_by_key(|(n, _)| (n.height, n.seq));
        let nodes: Vec<WaitingBlock> = named.iter().map(|(n, _)| *n).collect();
        let walk = Branches::of(&nodes).walk();
        let names = walk.iter().filter_map(|visit| match visit {
            Visit::Enter(at) => Some(named[*at].1),
            Visit::Leave(_) => None,
        });
        names.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_branch_that_won_comes_last_and_each_is_whole() {
        let stream = [
            ("102b", Some("101b")),
            ("099a", None),
            ("101a", Some("100a")),
            ("100b", Some("099a")),
            ("100a", Some("099a")),
            ("101b", Some("100b")),
        ];
        assert_eq!(way(&stream), "099a 100a 101a 100b 101b 102b");
        // Nested: a branch of a branch.
        let nested = [
            ("100a", None),
            ("101x", Some("100a")),
            ("101y", Some("100a")),
            ("102y", Some("101y")),
            ("100b", None),
            ("101b", Some("100b")),
            ("102b", Some("101b")),
            ("103b", Some("102b")),
        ];
        assert_eq!(way(&nested), "100a 101x 101y 102y 100b 101b 102b 103b");
        // Without parents the order of arrival pairs them.
        let bare = [("100a", None), ("101a", None), ("100b", None), ("101b", None), ("102b", None)];
        assert_eq!(way(&bare), "100a 101a 100b 101b 102b");
    }

    #[test]
    fn a_fork_waits_for_its_losing_branch() {
        let nodes = [
            node("100a", None, 0),
            node("100b", None, 3),
            node("101a", Some("100a"), 1),
            node("101b", Some("100b"), 4),
            node("102b", Some("101b"), 5),
        ];
        let branches = Branches::of(&nodes);
        assert_eq!(branches.waits_at(&nodes, 100), Some(100));
        assert_eq!(branches.waits_at(&nodes, 101), None);
        assert_eq!(branches.waits_at(&nodes, 99), None);
    }
}
