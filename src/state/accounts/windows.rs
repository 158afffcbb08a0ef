//! Short sliding counts per account: two buckets, the older one fading out linearly.

use crate::{
    model::{AccountHasher, AccountKey},
    state::tables::{
        fixed_layout::plain,
        table::{Aged, Table},
    },
};
use serde::{Deserialize, Serialize};

/// Accounts with a count; at a thousand transactions a second, ten minutes are 600,000 senders, but
/// most of them repeat, and the ones that leave first are the quiet ones.
pub(in crate::state) const WINDOWS_MAX: usize = 262_144;

/// What short windows count per account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum WindowKind {
    /// Transactions sent, 10 minutes.
    Sent10m,
    /// Failed calls into a contract, 60 minutes.
    FailedCalls1h,
}

impl WindowKind {
    /// Returns the length of the window in seconds.
    pub fn seconds(self) -> u32 {
        match self {
            Self::Sent10m => 600,
            Self::FailedCalls1h => 3_600,
        }
    }

    /// Returns the key of an account's window.
    pub(in crate::state) fn key(self, account: AccountKey, hasher: &AccountHasher) -> u64 {
        hasher.hash(&[b"window", &[self as u8], &account.0.to_le_bytes()])
    }
}

/// Two adjacent buckets, each as long as the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::state) struct Window {
    /// Number of the newer bucket: seconds divided by the window's length.
    bucket: u32,
    current: u32,
    previous: u32,
    last_used: u32,
}

plain!(Window { bucket: u32, current: u32, previous: u32, last_used: u32 });

impl Aged for Window {
    fn last_used(&self) -> u32 {
        self.last_used
    }
}

impl Window {
    /// Counts one at `now`.
    pub fn add(&mut self, kind: WindowKind, now: u32) {
        let bucket = now / kind.seconds();
        match bucket.checked_sub(self.bucket) {
            Some(0) => self.current = self.current.saturating_add(1),
            Some(1) => (self.previous, self.current) = (self.current, 1),
            Some(_) => (self.previous, self.current) = (0, 1),
            // Late by one bucket it still counts, later it is out of the window.
            None if self.bucket - bucket == 1 => self.previous = self.previous.saturating_add(1),
            None => {}
        }
        self.bucket = self.bucket.max(bucket);
        self.last_used = self.last_used.max(now);
    }

    /// Estimates the count of the window that ends at `now`.
    pub fn count(&self, kind: WindowKind, now: u32) -> f64 {
        let length = kind.seconds();
        let left = 1.0 - f64::from(now % length) / f64::from(length);
        match (now / length).checked_sub(self.bucket) {
            Some(0) => f64::from(self.current) + f64::from(self.previous) * left,
            Some(1) => f64::from(self.current) * left,
            Some(_) => 0.0,
            // Asked for by a late event: the newer bucket has not begun yet.
            None => f64::from(self.previous),
        }
    }
}

/// All windows of a chain.
pub(in crate::state) type Windows = Table<Window>;
