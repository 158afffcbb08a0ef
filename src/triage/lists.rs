//! Whom an operator allows or denies, until when, and by whose order.

use super::Triage;
use crate::model::{
    AccountKey, Band, Chain, DetectorId, DetectorKind, EventTime, Finding, Severity, Subject,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Accounts listed at a time; whose entry ends first leaves. An account is at most 180 bytes: 3 MB.
const LISTED_MAX: usize = 16_384;

/// The id under which alerts name the deny list.
pub const DENY_LIST: &str = "deny_list";
/// Their title.
pub const DENY_TITLE: &str = "A denied account is active";

/// An order about one account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Listing {
    pub is_denied: bool,
    /// By event time.
    pub until: EventTime,
    /// Whose order it is.
    pub by: String,
}

/// Orders by account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Lists {
    entries: BTreeMap<AccountKey, Listing>,
}

impl Lists {
    fn get(&self, account: AccountKey, now: EventTime) -> Option<&Listing> {
        self.entries.get(&account).filter(|listing| now < listing.until)
    }

    fn set(&mut self, account: AccountKey, listing: Listing, now: EventTime) {
        if listing.until <= now {
            self.entries.remove(&account);
            return;
        }
        self.entries.insert(account, listing);
        if self.entries.len() > LISTED_MAX {
            let first = self.entries.iter().min_by_key(|(_, listing)| listing.until);
            if let Some(account) = first.map(|(account, _)| *account) {
                self.entries.remove(&account);
            }
        }
    }
}

impl Triage {
    /// Takes an order about an account in place of an earlier one; one whose time has passed only
    /// takes that back.
    pub fn list(&mut self, account: AccountKey, listing: Listing, now: EventTime) {
        self.lists.set(account, listing, now);
    }

    /// Returns whether anybody is on a list: nearly always nobody is.
    pub fn has_listings(&self) -> bool {
        !self.lists.entries.is_empty()
    }

    /// Returns whether an account is on the allow list.
    pub fn is_allowed(&self, account: AccountKey, now: EventTime) -> bool {
        self.lists.get(account, now).is_some_and(|listing| !listing.is_denied)
    }

    /// Returns the entry of an account on the deny list.
    pub fn denial(&self, account: AccountKey, now: EventTime) -> Option<&Listing> {
        self.lists.get(account, now).filter(|listing| listing.is_denied)
    }
}

impl Listing {
    /// Puts into words that a denied account takes part in a transaction.
    pub fn finding(&self, chain: &Chain, subject: Subject, now: EventTime) -> Finding {
        let days = self.until.since(now) as f64 / EventTime::DAY as f64;
        let left = libm::ceil(days);
        Finding {
            detector: DetectorId::new(DENY_LIST),
            kind: DetectorKind::Rule,
            severity: Severity::High,
            explanation: format!(
                "{} is on the deny list by order of {}, for {left} more {}.",
                subject.render(chain),
                self.by,
                if left == 1.0 { "day" } else { "days" },
            ),
            subject,
            value: left,
            expected: Band::below(0.0),
            unit: "days".into(),
            quiet_if: "the entry has ended".to_owned(),
            refs: Vec::new(),
            surprise: 0.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: i64) -> EventTime {
        EventTime::from_secs(1_700_000_000).plus(day * EventTime::DAY)
    }

    fn listing(is_denied: bool, day: i64) -> Listing {
        Listing { is_denied, until: at(day), by: "ann".to_owned() }
    }

    #[test]
    fn orders_end_are_replaced_and_bounded() {
        let (mut lists, account) = (Lists::default(), AccountKey);
        lists.set(account(1), listing(true, 10), at(0));
        assert_eq!(lists.get(account(1), at(9)).map(|l| l.is_denied), Some(true));
        assert_eq!(lists.get(account(1), at(10)), None, "it has ended");
        assert_eq!(lists.get(account(2), at(9)), None);
        lists.set(account(1), listing(false, 20), at(5));
        assert_eq!(lists.get(account(1), at(15)).map(|l| l.is_denied), Some(false));
        lists.set(account(1), listing(false, 15), at(15));
        assert_eq!(lists.get(account(1), at(15)), None, "taken back");
        assert!(lists.entries.is_empty());
        for n in 0..=LISTED_MAX as u64 {
            lists.set(account(n), listing(true, if n == 7 { 1 } else { 2 }), at(0));
        }
        assert_eq!(lists.entries.len(), LISTED_MAX);
        assert!(lists.get(account(7), at(0)).is_none() && lists.get(account(8), at(0)).is_some());
    }
}
