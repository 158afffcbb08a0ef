//! How much of a coin comes from labelled accounts, and over how many payments.
//!
//! # Source
//! The haircut of Möser, Böhme, Breuker, "Towards Risk Scoring of Bitcoin Transactions", FC 2014:
//! every output carries the share that the inputs had together.

use crate::{
    model::{Address, EventTime, LabelKind, Reference, UtxoTx},
    state::{
        chain::outputs::{StoredOutput, output_key},
        history::History,
    },
};

/// Payments over which taint is followed: beyond four most coins of a chain have some.
pub const TAINT_HOPS_MAX: u16 = 4;
/// What a stored share of one is.
const WHOLE: f64 = 65_535.0;
/// Labels that taint what their accounts own. Exchanges and bridges mix their customers' coins, and
/// whoever is paid by one is not thereby near all the others.
const TAINTING: [LabelKind; 5] = [
    LabelKind::Sanctioned,
    LabelKind::Exploit,
    LabelKind::Phishing,
    LabelKind::Scam,
    LabelKind::Mixer,
];

/// Where a transaction's coins come from, as far as they are remembered.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Taint {
    /// Share of the value that comes from labelled accounts; above 0.
    pub share: f64,
    /// Payments since the nearest of them, 0 when it spends itself.
    pub n_hops: u16,
}

impl Taint {
    /// What a labelled account owns.
    const SOURCE: Self = Self { share: 1.0, n_hops: 0 };

    /// Returns the share as it is stored; 0 is none.
    pub(in crate::state) fn stored_share(self) -> u16 {
        libm::round(self.share.clamp(0.0, 1.0) * WHOLE) as u16
    }

    /// Returns what the outputs of a transaction carry whose inputs carry this.
    pub(in crate::state) fn passed_on(self) -> Option<Self> {
        let n_hops = self.n_hops + 1;
        (n_hops <= TAINT_HOPS_MAX && self.stored_share() > 0).then_some(Self { n_hops, ..self })
    }

    fn of_coin(coin: &StoredOutput) -> Option<Self> {
        let share = f64::from(coin.taint) / WHOLE;
        (coin.taint > 0).then_some(Self { share, n_hops: coin.n_taint_hops })
    }

    /// Mixes coins, each with its value, by value.
    fn mixed(coins: impl Iterator<Item = (u64, Option<Self>)>) -> Option<Self> {
        let (mut total, mut tainted, mut nearest) = (0.0, 0.0, None::<u16>);
        for (value, taint) in coins {
            total += value as f64;
            let Some(taint) = taint else { continue };
            tainted += value as f64 * taint.share;
            nearest = Some(nearest.map_or(taint.n_hops, |n| n.min(taint.n_hops)));
        }
        let n_hops = nearest.filter(|_| tainted > 0.0)?;
        Some(Self { share: tainted / total, n_hops })
    }
}

impl History<'_> {
    /// Returns the taint of what a transaction spends, from the outputs that are remembered.
    pub fn taint(&self, utxo: &UtxoTx) -> Option<Taint> {
        Taint::mixed(utxo.inputs.iter().map(|input| {
            let key = input.outpoint.map(|o| output_key(&o, self.hasher));
            let coin = key.and_then(|key| self.memory.outputs.get(key));
            let value = input.value.or(coin.map(|c| c.value)).unwrap_or(0);
            (value, coin.and_then(Taint::of_coin))
        }))
    }
}

/// Who is labelled, at the time of one event.
#[derive(Clone, Copy)]
pub(in crate::state) struct TaintLabels<'a> {
    pub reference: &'a Reference,
    pub time: EventTime,
}

impl TaintLabels<'_> {
    /// Returns the taint of what an output's account owns, if it is labelled.
    pub fn of_owner(self, owner: Option<&Address>) -> Option<Taint> {
        let is_tainting = |address| {
            TAINTING.iter().any(|kind| self.reference.is_labelled(address, *kind, self.time))
        };
        owner.is_some_and(is_tainting).then_some(Taint::SOURCE)
    }

    /// Returns the taint of what a transaction spends, with the labels of those who spend it.
    pub fn of_spent(self, utxo: &UtxoTx, spent: &[Option<StoredOutput>]) -> Option<Taint> {
        Taint::mixed(utxo.inputs.iter().zip(spent).map(|(input, coin)| {
            let value = input.value.or(coin.map(|c| c.value)).unwrap_or(0);
            let owned = self.of_owner(input.address.as_ref());
            (value, owned.or_else(|| coin.as_ref().and_then(Taint::of_coin)))
        }))
    }
}
