//! What verdicts say about the cells of a quantiser: the Beta-smoothed share of fraud of each.

use super::Ruling;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Alerts whose cell is remembered until they are judged; the oldest leave first.
const ALERTED_MAX: usize = 1_024;
/// Share of fraud in a cell that nobody has judged, and the verdicts that this prior is worth.
const PRIOR: f64 = 0.02;
const PRIOR_VERDICTS: f64 = 2.0;

/// Verdicts on the alerts of a cell: the parameters of a Beta law over its share of fraud.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Cell {
    confirmed: f64,
    refuted: f64,
}

/// An alert that fell into a cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Alerted {
    account: u64,
    tx: u64,
    cell: u32,
    /// What it has been given: above 0 confirmed, below refuted.
    given: f64,
}

/// The reputation of all cells.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reputation {
    cells: Vec<Cell>,
    alerted: VecDeque<Alerted>,
    /// −log10 of the share of transactions in cells at least as bad; 0 where none was confirmed.
    surprises: Vec<f64>,
}

impl Reputation {
    /// Makes the reputation of cells that nobody has judged.
    pub fn new(n_cells: usize) -> Self {
        Self {
            cells: vec![Cell::default(); n_cells],
            alerted: VecDeque::new(),
            surprises: vec![0.0; n_cells],
        }
    }

    /// Returns whether this has so many cells (after a restore).
    pub fn is_shaped(&self, n_cells: usize) -> bool {
        self.cells.len() == n_cells
            && self.surprises.len() == n_cells
            && self.alerted.len() <= ALERTED_MAX
            && self.alerted.iter().all(|a| (a.cell as usize) < n_cells)
    }

    /// Hands everything on to new cells: what old cell `c` earned goes to `heirs[c]`, whose shares
    /// of all transactions are given.
    pub fn migrate(&self, heirs: &[usize], shares: &[f64]) -> Self {
        let mut next = Self::new(shares.len());
        for (cell, &heir) in self.cells.iter().zip(heirs) {
            next.cells[heir].confirmed += cell.confirmed;
            next.cells[heir].refuted += cell.refuted;
        }
        let moved = |a: &Alerted| Alerted { cell: heirs[a.cell as usize] as u32, ..a.clone() };
        next.alerted = self.alerted.iter().map(moved).collect();
        next.rank(shares);
        next
    }

    /// Remembers into which cell an alert fell.
    pub fn note(&mut self, account: u64, tx: u64, cell: usize) {
        if self.alerted.len() >= ALERTED_MAX {
            self.alerted.pop_front();
        }
        self.alerted.push_back(Alerted { account, tx, cell: cell as u32, given: 0.0 });
    }

    /// Gives a verdict to the cells of the alerts it is about, in place of an earlier one.
    pub fn judge(&mut self, ruling: &Ruling, shares: &[f64]) {
        let given = ruling.weight * ruling.judgement.sign();
        let Self { cells, alerted, .. } = self;
        for alert in alerted {
            let key = if ruling.is_of_tx { alert.tx } else { alert.account };
            if key == ruling.account {
                cells[alert.cell as usize].add(-alert.given.max(0.0), -(-alert.given).max(0.0));
                cells[alert.cell as usize].add(given.max(0.0), (-given).max(0.0));
                alert.given = given;
            }
        }
        self.rank(shares);
    }

    /// Returns how surprising it is to be in a cell of such repute; 0 where none was confirmed.
    pub fn surprise(&self, cell: usize) -> f64 {
        self.surprises[cell]
    }

    /// Returns the verdicts of a cell: confirmed and refuted.
    pub fn verdicts(&self, cell: usize) -> (f64, f64) {
        (self.cells[cell].confirmed, self.cells[cell].refuted)
    }

    fn rank(&mut self, shares: &[f64]) {
        let rates: Vec<f64> = self.cells.iter().map(Cell::rate).collect();
        for (cell, surprise) in self.surprises.iter_mut().enumerate() {
            let is_bad = rates[cell] > PRIOR;
            let at_least = rates.iter().zip(shares).filter(|(rate, _)| **rate >= rates[cell]);
            let share: f64 = at_least.map(|(_, share)| share).sum();
            *surprise = if is_bad { -libm::log10(share.clamp(1e-6, 1.0)) } else { 0.0 };
        }
    }
}

impl Cell {
    fn add(&mut self, confirmed: f64, refuted: f64) {
        // Taking back what was given leaves nothing below zero but rounding.
        self.confirmed = (self.confirmed + confirmed).max(0.0);
        self.refuted = (self.refuted + refuted).max(0.0);
    }

    fn rate(&self) -> f64 {
        (self.confirmed + PRIOR * PRIOR_VERDICTS) / (self.confirmed + self.refuted + PRIOR_VERDICTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::EventTime;
    use crate::model::Judgement;

    const SHARES: [f64; 4] = [0.5, 0.3, 0.199, 0.001];

    fn ruling(account: u64, judgement: Judgement) -> Ruling {
        let time = EventTime::default();
        Ruling { account, is_of_tx: false, judgement, weight: 1.0, analyst: 1, time }
    }

    #[test]
    fn verdicts_make_and_unmake_a_reputation() {
        let mut reputation = Reputation::new(4);
        reputation.note(7, 70, 3);
        reputation.note(8, 80, 0);
        reputation.judge(&ruling(7, Judgement::TruePositive), &SHARES);
        assert!((reputation.surprise(3) - 3.0).abs() < 1e-9 && reputation.surprise(0) == 0.0);
        reputation.judge(&ruling(8, Judgement::FalsePositive), &SHARES);
        assert_eq!((reputation.verdicts(0), reputation.surprise(0)), ((0.0, 1.0), 0.0));
        reputation.judge(&ruling(7, Judgement::Unsure), &SHARES);
        assert_eq!((reputation.verdicts(3), reputation.surprise(3)), ((0.0, 0.0), 0.0));
        let of_tx = Ruling { is_of_tx: true, ..ruling(80, Judgement::TruePositive) };
        reputation.judge(&of_tx, &SHARES);
        assert_eq!(reputation.verdicts(0), (1.0, 0.0), "a correction replaces");
    }

    #[test]
    fn a_reputation_moves_to_the_heir_with_its_open_alerts() {
        let mut reputation = Reputation::new(4);
        reputation.note(7, 70, 3);
        reputation.judge(&ruling(7, Judgement::TruePositive), &SHARES);
        reputation.note(9, 90, 3);
        let mut next = reputation.migrate(&[0, 0, 0, 1], &[0.9, 0.1]);
        assert!(next.is_shaped(2) && !next.is_shaped(3));
        assert!((next.surprise(1) - 1.0).abs() < 1e-9);
        next.judge(&ruling(9, Judgement::TruePositive), &[0.9, 0.1]);
        assert_eq!(next.verdicts(1), (2.0, 0.0));
    }
}
