//! Proof that a reorg takes state back to exactly what the canonical chain alone would have made.

use super::{
    chain::{Block, random_block},
    fold, params, reorgs,
};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use txwarden::{
    model::Chain,
    state::{Disposition, Params, State},
};

/// Depth of the deepest reorg tried.
const DEPTH_MAX: usize = 50;

/// A state and the path of blocks that it should be equal to.
struct Run {
    state: State,
    path: Vec<Block>,
    n_reorgs: usize,
    n_duplicates: usize,
}

impl Run {
    fn new(chain: &str, params: &Params) -> Self {
        let state = State::new(Chain::parse(chain).unwrap(), params, 3);
        Self { state, path: Vec::new(), n_reorgs: 0, n_duplicates: 0 }
    }

    /// Publishes the blocks of a path from where it leaves the present one.
    fn follow(&mut self, path: &[Block]) {
        let n_common =
            self.path.iter().zip(path).take_while(|(old, new)| old.hash == new.hash).count();
        for (n, block) in path[n_common..].iter().enumerate() {
            let depth = if n == 0 { self.path.len() - n_common } else { 0 };
            self.publish(block, depth as u64);
        }
        if n_common < path.len() {
            self.path = path.to_vec();
        }
    }

    fn publish(&mut self, block: &Block, depth: u64) {
        for (n, event) in block.events.iter().enumerate() {
            let (disposition, signals) = fold(&mut self.state, event);
            assert_ne!(disposition, Disposition::Late);
            let told = reorgs(&signals);
            if n == 0 && depth > 0 {
                assert_eq!(told.len(), 1);
                assert_eq!((told[0].depth_at_least, told[0].from_height), (depth, block.height));
                assert_eq!(told[0].reverted.len() as u64, depth);
                assert!(!told[0].is_too_deep);
                self.n_reorgs += 1;
            } else {
                assert!(told.is_empty(), "{told:?}");
            }
            self.n_duplicates += usize::from(disposition == Disposition::Duplicate);
        }
    }
}

fn grow(path: &[Block], n_keep: usize, branch: u64, n_new: usize, is_evm: bool) -> Vec<Block> {
    let mut path = path[..n_keep].to_vec();
    let branch_of =
        |block: &Block| u64::from_be_bytes(std::array::from_fn(|k| block.hash.0[16 + k]));
    for _ in 0..n_new {
        let parent = path.last().map_or(1, branch_of);
        path.push(random_block(path.len() as u64 + 1, branch, parent, is_evm));
    }
    path
}

/// Runs a random walk over branches and compares with the canonical path alone.
fn check(chain: &str, is_evm: bool, seed: u64, params: &Params) {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut run = Run::new(chain, params);
    let mut paths = vec![grow(&[], 0, 1, 70, is_evm)];
    run.follow(&paths[0].clone());
    for branch in 2..14 {
        // Mostly a new branch off the present path, sometimes back to one that was left.
        let next = if rng.gen_bool(0.3) {
            let back = &paths[rng.gen_range(0..paths.len())];
            grow(back, back.len(), branch, 1, is_evm)
        } else {
            let depth = rng.gen_range(1..=DEPTH_MAX.min(run.path.len() - 1));
            let n_new = rng.gen_range(1..=depth + 3);
            grow(&run.path, run.path.len() - depth, branch, n_new, is_evm)
        };
        run.follow(&next);
        paths.push(next);
    }
    let mut canonical = Run::new(chain, params);
    canonical.follow(&run.path);
    assert!(
        run.state == canonical.state,
        "seed {seed}: state differs after {} reorgs",
        run.n_reorgs
    );
    assert!(run.n_reorgs >= 5 && canonical.n_reorgs == 0 && canonical.state.n_accounts() > 20);
    assert_eq!(run.state.n_united_accounts() > 2, !is_evm, "entities are undone, too");
    assert!(run.n_duplicates > 0, "a block holds some transaction twice");
    // The control: the same length of chain with one other block at the end is not equal.
    let mut other = Run::new(chain, params);
    other.follow(&grow(&run.path, run.path.len() - 1, 999, 1, is_evm));
    assert!(other.state != canonical.state, "the comparison sees nothing");
}

#[test]
fn state_after_reorgs_equals_that_of_the_canonical_chain() {
    for seed in 0..6 {
        check(Chain::ETHEREUM, true, seed, &params());
        check(Chain::BITCOIN, false, seed, &params());
    }
}

#[test]
fn it_holds_while_every_table_evicts() {
    let tiny = Params {
        accounts_max: 24,
        edges_max: 64,
        transfers_max: 40,
        outputs_max: 50,
        conflicts_max: 30,
        dedup_max: 400,
        ..Params::default()
    };
    for seed in 0..6 {
        check(Chain::ETHEREUM, true, seed, &tiny);
        check(Chain::BITCOIN, false, seed, &tiny);
    }
}

#[test]
fn a_snapshot_goes_on_like_the_original_even_through_a_reorg() {
    let path = grow(&[], 0, 1, 60, true);
    let mut run = Run::new(Chain::ETHEREUM, &params());
    run.follow(&path);
    let bytes = postcard::to_allocvec(&run.state).unwrap();
    let state: State = postcard::from_bytes(&bytes).unwrap();
    assert!(state == run.state && state.n_accounts() > 20);
    assert_eq!(postcard::to_allocvec(&state).unwrap(), bytes);
    let mut restored = Run { state, path: path.clone(), n_reorgs: 0, n_duplicates: 0 };
    let fork = grow(&path, 30, 2, 40, true);
    run.follow(&fork);
    restored.follow(&fork);
    assert!(restored.state == run.state && restored.n_reorgs == 1);
    let same = postcard::to_allocvec(&restored.state).unwrap();
    assert_eq!(same, postcard::to_allocvec(&run.state).unwrap());
}
