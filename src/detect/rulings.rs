//! Who said what about which account: corrections, expiry, and a bound on what one analyst moves.

use crate::model::{EventTime, Judgement, TxId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Judged accounts that are remembered; the one judged longest ago leaves first.
const ACCOUNTS_MAX: usize = 16_384;
/// Opinions on one account; a further analyst replaces the one who spoke longest ago.
const VOICES_MAX: usize = 4;
/// Verdicts of one analyst that count within a day: more is a script, or somebody else's key.
const DAILY_MAX: usize = 500;
/// Verdicts whose author and time are kept for that count.
const LATELY_MAX: usize = 4_096;
/// Where several analysts spoke, none has more than this share of all that is learned from.
const ANALYST_SHARE_MAX: f64 = 0.5;

/// A verdict as detectors see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Ruling {
    /// The key of the account that was judged, or that of a transaction.
    pub account: u64,
    /// Whether a transaction was named, as alerts on UTXO chains do.
    pub is_of_tx: bool,
    pub judgement: Judgement,
    /// Above 0 and at most 1.
    pub weight: f64,
    /// A hash of the analyst's name.
    pub analyst: u64,
    /// When it was given, or the newest event if that was later: verdicts come from outside.
    pub time: EventTime,
}

impl Ruling {
    /// Returns the key under which a transaction is named.
    pub fn key_of_tx(tx: &TxId) -> u64 {
        tx.0.iter().take(8).fold(0, |key, &byte| key << 8 | u64::from(byte))
    }

    /// Returns the judged account; where a transaction was named, that of the newest alert on it
    /// among (transaction, account) pairs.
    pub fn account(&self, alerted: &VecDeque<(u64, u64)>) -> Option<u64> {
        if !self.is_of_tx {
            return Some(self.account);
        }
        alerted.iter().rev().find(|(tx, _)| *tx == self.account).map(|(_, account)| *account)
    }
}

/// What one analyst said last about an account.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Voice {
    analyst: u64,
    /// Above 0: fraud; below: not.
    weight: f32,
    time: EventTime,
}

/// All rulings in force.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rulings {
    accounts: BTreeMap<u64, Vec<Voice>>,
    /// Accounts in the order of their first ruling.
    order: VecDeque<u64>,
    /// (analyst, time) of the verdicts of the last day.
    lately: VecDeque<(u64, EventTime)>,
    n_changes: u64,
}

impl Rulings {
    /// Returns how many rulings have been taken in: a fit is due only when there are new ones.
    pub fn n_changes(&self) -> u64 {
        self.n_changes
    }

    /// Takes in a ruling, in place of what the same analyst said before about the account; a doubt
    /// only takes that back. Returns whether it counts: beyond a day's bound it does not.
    pub fn hear(&mut self, ruling: &Ruling) -> bool {
        while self.lately.front().is_some_and(|(_, at)| ruling.time.since(*at) >= EventTime::DAY)
            || self.lately.len() >= LATELY_MAX
        {
            self.lately.pop_front();
        }
        if self.lately.iter().filter(|(by, _)| *by == ruling.analyst).count() >= DAILY_MAX {
            return false;
        }
        self.lately.push_back((ruling.analyst, ruling.time));
        self.n_changes += 1;
        let weight = (ruling.weight * ruling.judgement.sign()) as f32;
        let is_new = !self.accounts.contains_key(&ruling.account);
        if is_new && weight != 0.0 {
            self.make_room();
            self.order.push_back(ruling.account);
        }
        if is_new && weight == 0.0 {
            return true;
        }
        let voices = self.accounts.entry(ruling.account).or_default();
        voices.retain(|voice| voice.analyst != ruling.analyst);
        if voices.len() >= VOICES_MAX {
            voices.remove(0);
        }
        if weight != 0.0 {
            voices.push(Voice { analyst: ruling.analyst, weight, time: ruling.time });
        }
        true
    }

    /// Returns what holds of an account at a time: above 0 fraud, below 0 not, at most 1 either
    /// way; `None` where nobody has spoken, all has expired, or opinions cancel out.
    pub fn standing(&self, account: u64, now: EventTime, ttl: i64) -> Option<f64> {
        let voices = self.accounts.get(&account)?;
        let sum: f64 = voices
            .iter()
            .filter(|voice| now.since(voice.time) < ttl)
            .map(|voice| f64::from(voice.weight))
            .sum();
        (sum != 0.0).then(|| sum.clamp(-1.0, 1.0))
    }

    /// Returns until when what was said last about an account holds, and by how many it was said.
    pub fn until(&self, account: u64, ttl: i64) -> Option<(EventTime, usize)> {
        let voices = self.accounts.get(&account)?;
        let last = voices.iter().map(|voice| voice.time).max()?;
        Some((last.plus(ttl), voices.len()))
    }

    /// Returns every account with a standing, and what it weighs in learning: where several
    /// analysts spoke, one whose share would exceed half of all is scaled down to it.
    pub fn weighed(&self, now: EventTime, ttl: i64) -> Vec<(u64, f64)> {
        let standing = |account: u64| self.standing(account, now, ttl);
        let mut by: BTreeMap<u64, f64> = BTreeMap::new();
        for voice in self.accounts.values().flatten().filter(|v| now.since(v.time) < ttl) {
            *by.entry(voice.analyst).or_default() += f64::from(voice.weight).abs();
        }
        let total: f64 = by.values().sum();
        let scale = |analyst: u64| {
            let own = by.get(&analyst).copied().unwrap_or(0.0);
            let others = total - own;
            let is_capped = others > 0.0 && own > ANALYST_SHARE_MAX * total;
            // own · scale = others: then it is half.
            if is_capped { (others / own).max(1.0 / 16.0) } else { 1.0 }
        };
        let weigh = |(&account, voices): (&u64, &Vec<Voice>)| {
            let standing = standing(account)?;
            let loudest = voices.iter().map(|v| scale(v.analyst)).fold(0.0, f64::max);
            Some((account, standing * loudest))
        };
        self.accounts.iter().filter_map(weigh).collect()
    }

    fn make_room(&mut self) {
        while self.accounts.len() >= ACCOUNTS_MAX {
            let Some(oldest) = self.order.pop_front() else { break };
            self.accounts.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: i64 = 10 * EventTime::DAY;

    fn at(day: i64) -> EventTime {
        EventTime::from_secs(1_700_000_000).plus(day * EventTime::DAY)
    }

    fn ruling(account: u64, judgement: Judgement, analyst: u64, day: i64) -> Ruling {
        Ruling { account, is_of_tx: false, judgement, weight: 1.0, analyst, time: at(day) }
    }

    #[test]
    fn verdicts_are_corrected_contradicted_and_expire() {
        use Judgement::*;
        let mut rulings = Rulings::default();
        assert!(rulings.hear(&ruling(1, TruePositive, 7, 0)));
        assert_eq!(rulings.standing(1, at(1), TTL), Some(1.0));
        assert_eq!(rulings.standing(1, at(10), TTL), None, "expired");
        rulings.hear(&ruling(1, Benign, 7, 2));
        assert_eq!(rulings.standing(1, at(3), TTL), Some(-1.0), "corrected");
        rulings.hear(&ruling(1, TruePositive, 8, 2));
        assert_eq!(rulings.standing(1, at(3), TTL), None, "two analysts disagree");
        rulings.hear(&ruling(1, Unsure, 7, 3));
        assert_eq!(rulings.standing(1, at(3), TTL), Some(1.0), "one of them takes it back");
        assert_eq!(rulings.n_changes(), 4);
        assert_eq!(rulings.until(1, TTL), Some((at(12), 1)));
        assert_eq!(rulings.standing(2, at(3), TTL), None);
    }

    #[test]
    fn no_analyst_moves_more_than_a_share_and_a_daily_number() {
        let mut rulings = Rulings::default();
        let heard = |rulings: &mut Rulings, day, from: u64| {
            (from..from + 1_000)
                .filter(|&n| rulings.hear(&ruling(n, Judgement::TruePositive, 7, day)))
                .count()
        };
        assert_eq!(heard(&mut rulings, 0, 0), DAILY_MAX);
        assert_eq!(heard(&mut rulings, 1, 5_000), DAILY_MAX, "the next day counts anew");
        let alone = rulings.weighed(at(2), TTL);
        assert!(alone.len() == 1_000 && alone.iter().all(|(_, w)| *w == 1.0));
        for n in 0..100 {
            rulings.hear(&ruling(90_000 + n, Judgement::Benign, 8, 2));
        }
        let both = rulings.weighed(at(2), TTL);
        let share = |sign: f64| both.iter().map(|(_, w)| (w * sign).max(0.0)).sum::<f64>();
        assert!((share(1.0) - 100.0).abs() < 1e-6 && (share(-1.0) - 100.0).abs() < 1e-6);
    }

    #[test]
    fn the_oldest_accounts_are_forgotten() {
        let mut rulings = Rulings::default();
        for n in 0..ACCOUNTS_MAX as u64 + 5 {
            rulings.hear(&ruling(n, Judgement::Benign, n, 0));
        }
        assert_eq!(rulings.standing(4, at(0), TTL), None);
        assert_eq!(rulings.standing(5, at(0), TTL), Some(-1.0));
    }
}
