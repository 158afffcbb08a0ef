//! What the chain charges at present: quantiles of recent fees, and the base fee.

use crate::state::tables::{
    undo_vec::{CellsMark, UndoVec},
    undoable::Undoable,
};
use serde::{Deserialize, Serialize};

/// Fees looked back at: about 40 blocks of Ethereum, 3 of Bitcoin.
const SAMPLES_MAX: usize = 8_192;
/// Fees needed before quantiles are told.
const SAMPLES_MIN: u64 = 32;
/// Quantiles are computed anew once one in this many samples is new.
const REFRESH_SHARE: u64 = 32;

/// Running statistics of a whole chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChainStats {
    /// Base fee of the newest block that told one, wei per gas.
    pub base_fee_per_gas: Option<f64>,
    /// 95th percentile of recent priority fees (EVM: wei per gas) or fee rates (UTXO: sat/vB).
    pub fee_p95: Option<f64>,
    /// Median of the same.
    pub fee_median: Option<f64>,
    /// Median absolute deviation of the same, not scaled.
    pub fee_mad: Option<f64>,
    /// Events applied so far.
    pub n_applied: u64,
}

/// The newest fees of a chain and what follows from them.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::state) struct Fees {
    ring: UndoVec<f32>,
    head: FeesHead,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct FeesHead {
    n_ever: u64,
    n_at_refresh: u64,
    stats: ChainStats,
}

/// A point to which the fees can be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::state) struct FeesMark {
    ring: CellsMark,
    head: FeesHead,
}

impl Fees {
    /// Makes an empty history of fees.
    pub fn new() -> Self {
        Self { ring: UndoVec::new(), head: FeesHead::default() }
    }

    /// Returns the statistics as of the last refresh.
    pub fn stats(&self) -> &ChainStats {
        &self.head.stats
    }

    /// Counts an applied event.
    pub fn count_applied(&mut self) {
        self.head.stats.n_applied += 1;
    }

    /// Learns a block's base fee.
    pub fn set_base_fee(&mut self, wei_per_gas: f64) {
        self.head.stats.base_fee_per_gas = Some(wei_per_gas);
    }

    /// Learns one transaction's fee.
    pub fn push(&mut self, fee: f64) {
        if !fee.is_finite() {
            return;
        }
        let fee = fee.min(f64::from(f32::MAX)) as f32;
        if self.ring.len() < SAMPLES_MAX {
            self.ring.push(fee);
        } else {
            self.ring.set((self.head.n_ever % SAMPLES_MAX as u64) as usize, fee);
        }
        self.head.n_ever += 1;
    }

    /// Computes the quantiles anew when enough is new; called once a block.
    ///
    /// # Cost
    /// O(n) in the samples, at most once per n/32 samples.
    pub fn refresh(&mut self) {
        let n = self.ring.len() as u64;
        let n_new = self.head.n_ever - self.head.n_at_refresh;
        if n < SAMPLES_MIN || n_new < (n / REFRESH_SHARE).max(1) {
            return;
        }
        self.head.n_at_refresh = self.head.n_ever;
        let mut fees: Vec<f32> = self.ring.iter().copied().collect();
        let p95 = quantile(&mut fees, 0.95);
        let median = quantile(&mut fees, 0.5);
        fees.iter_mut().for_each(|fee| *fee = (*fee - median).abs());
        let mad = quantile(&mut fees, 0.5);
        self.head.stats.fee_p95 = Some(f64::from(p95));
        self.head.stats.fee_median = Some(f64::from(median));
        self.head.stats.fee_mad = Some(f64::from(mad));
    }

    /// Returns whether the ring is within its bound (after a restore).
    pub fn is_sound(&self) -> bool {
        self.ring.len() as u64 == self.head.n_ever.min(SAMPLES_MAX as u64)
    }
}

impl Undoable for Fees {
    type Mark = FeesMark;

    fn mark(&self) -> FeesMark {
        let Self { ring, head } = self;
        FeesMark { ring: ring.mark(), head: *head }
    }

    fn revert(&mut self, mark: &FeesMark) {
        let FeesMark { ring, head } = mark;
        self.ring.revert(ring);
        self.head = *head;
    }

    fn forget(&mut self, mark: &FeesMark) {
        self.ring.forget(&mark.ring);
    }

    fn share(&mut self) -> Self {
        Self { ring: self.ring.share(), head: self.head }
    }

    fn n_undo_bytes(&self) -> usize {
        self.ring.n_undo_bytes()
    }
}

/// Returns the value of rank ⌊q·(n−1)⌋; `values` is not empty and gets reordered.
fn quantile(values: &mut [f32], q: f64) -> f32 {
    let rank = ((values.len() - 1) as f64 * q) as usize;
    *values.select_nth_unstable_by(rank, f32::total_cmp).1
}
