//! Whom analysts have judged: confirmed or innocent, until the verdict expires.

use crate::model::{AccountKey, EventTime};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Judged accounts that are remembered; the oldest verdicts leave first. At ten verdicts a day
/// this is eighteen years, at 32 bytes each 2 MiB.
const JUDGED_MAX: usize = 65_536;

/// The verdict in force on one account.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct JudgedAccount {
    is_confirmed: bool,
    until: EventTime,
    /// Tells this entry from an earlier one of the account in the order of age.
    n: u64,
}

/// Verdicts by account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Judged {
    entries: BTreeMap<AccountKey, JudgedAccount>,
    order: VecDeque<(AccountKey, u64)>,
    n_set: u64,
}

impl Judged {
    /// Returns whether an account is confirmed, `None` when no verdict on it is in force.
    pub(super) fn get(&self, account: AccountKey, now: EventTime) -> Option<bool> {
        let entry = self.entries.get(&account)?;
        (now < entry.until).then_some(entry.is_confirmed)
    }

    /// Sets the verdict on an account in place of an earlier one.
    pub(super) fn set(&mut self, account: AccountKey, is_confirmed: bool, until: EventTime) {
        self.n_set += 1;
        self.entries.insert(account, JudgedAccount { is_confirmed, until, n: self.n_set });
        self.order.push_back((account, self.n_set));
        if self.order.len() > 2 * JUDGED_MAX {
            // Of an account that is judged again and again only the last place counts.
            let entries = &self.entries;
            self.order.retain(|(account, n)| entries.get(account).is_some_and(|e| e.n == *n));
        }
        while self.entries.len() > JUDGED_MAX {
            if let Some((oldest, n)) = self.order.pop_front()
                && self.entries.get(&oldest).is_some_and(|entry| entry.n == n)
            {
                self.entries.remove(&oldest);
            }
        }
    }

    /// Forgets the verdict on an account.
    pub(super) fn forget(&mut self, account: AccountKey) {
        self.entries.remove(&account);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_expire_are_replaced_and_bounded() {
        let (mut judged, day) = (Judged::default(), |n: i64| EventTime::from_secs(n * 86_400));
        let account = AccountKey;
        judged.set(account(1), true, day(10));
        assert_eq!(
            (judged.get(account(1), day(9)), judged.get(account(2), day(9))),
            (Some(true), None)
        );
        assert_eq!(judged.get(account(1), day(10)), None, "expired");
        judged.set(account(1), false, day(20));
        assert_eq!(judged.get(account(1), day(10)), Some(false));
        judged.forget(account(1));
        assert_eq!(judged.get(account(1), day(10)), None);
        (0..=JUDGED_MAX as u64).for_each(|n| judged.set(account(n), true, day(99)));
        assert_eq!(judged.entries.len(), JUDGED_MAX);
        assert_eq!(
            (judged.get(account(0), day(1)), judged.get(account(1), day(1))),
            (None, Some(true))
        );
    }

    #[test]
    fn a_flood_of_verdicts_on_one_account_drops_no_other() {
        let (mut judged, day) = (Judged::default(), |n: i64| EventTime::from_secs(n * 86_400));
        let account = AccountKey;
        judged.set(account(1), false, day(10));
        (0..3 * JUDGED_MAX).for_each(|_| judged.set(account(2), true, day(10)));
        assert_eq!(judged.get(account(1), day(1)), Some(false));
        assert!(judged.order.len() <= 2 * JUDGED_MAX, "{} places", judged.order.len());
    }
}
