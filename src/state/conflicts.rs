//! Which transaction has claimed an outpoint, or a sender's nonce, and what competes with it.

use super::{
    plain::plain,
    profile::seconds,
    seen_txs::{OUTPUTS_KEPT_MAX, SeenOutput, SeenTx, SeenTxs},
    table::{Aged, Table},
};
use crate::model::{
    AccountHasher, Address, Amount, Conflict, ConflictKey, ConflictKind, Event, EventTime, EvmTx,
    OutPoint, Tx, TxBody, UtxoTx,
};
use serde::{Deserialize, Serialize};

/// How long a claim is remembered. DETECTIONS A1: mempools drop a transaction after 72 h at most.
const CLAIM_AGE_MAX: i64 = 72 * EventTime::HOUR;
/// Change of an output's value up to which a replacement is a fee bump (forkmonitor).
const FEE_BUMP_MAX: u64 = 10_000;
/// Inputs of one transaction that claim an outpoint, and conflicts told of one transaction.
const CLAIMS_PER_TX_MAX: usize = 1_024;
const CONFLICTS_PER_TX_MAX: usize = 16;

/// The claims of all recent transactions, confirmed or not.
///
/// Claims are what has been witnessed, not account history: a reorg does not take them back,
/// because a transaction that was in an orphaned block and lost its outpoint is a confirmed double
/// spend.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Conflicts {
    claims: Table<Claim>,
    txs: SeenTxs,
    n_max: usize,
}

/// Who holds a conflict key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Claim {
    tx_number: u64,
    time: u32,
}

plain!(Claim { tx_number: u64, time: u32 });

impl Aged for Claim {
    fn last_used(&self) -> u32 {
        self.time
    }
}

impl Conflicts {
    /// Makes an empty memory of claims.
    pub fn new(n_max: usize) -> Self {
        let n_max = n_max.max(1);
        Self { claims: Table::new(n_max), txs: SeenTxs::new(), n_max }
    }

    /// Returns the conflicts of a transaction with earlier ones.
    pub fn of(&self, event: &Event, tx: &Tx, hasher: &AccountHasher) -> Vec<Conflict> {
        let mut conflicts: Vec<Conflict> = Vec::new();
        for key in keys(tx) {
            let Some(claim) = self.claims.get(hash(&key, hasher)) else { continue };
            let Some(original) = self.txs.get(claim.tx_number) else { continue };
            let is_told = conflicts.iter().any(|c| c.original == original.id);
            if original.id == tx.id || is_expired(original, event.time) || is_told {
                continue;
            }
            conflicts.push(original.against(tx, key, hasher));
            if conflicts.len() == CONFLICTS_PER_TX_MAX {
                break;
            }
        }
        conflicts
    }

    /// Lets a transaction claim its keys: the first one holds them, until another is confirmed.
    pub fn claim(&mut self, event: &Event, tx: &Tx, hasher: &AccountHasher) {
        let is_confirmed = tx.inclusion.is_some();
        let time = seconds(event.time);
        let number = self.txs.next_number();
        let mut is_holder = false;
        for key in keys(tx) {
            let hash = hash(&key, hasher);
            let held = self.claims.get(hash).map(|claim| claim.tx_number);
            let holder = held.and_then(|number| Some((number, self.txs.get(number)?)));
            match holder {
                Some((held, holder)) if holder.id == tx.id => {
                    if is_confirmed && !holder.is_confirmed {
                        self.txs.confirm(held);
                    }
                }
                Some((_, holder)) if !is_confirmed && !is_expired(holder, event.time) => {}
                _ => {
                    is_holder = true;
                    let claim = Claim { tx_number: number, time };
                    self.claims.upsert(hash, claim, |held| *held = claim);
                }
            }
        }
        // Claims have no past to go back to.
        self.claims.forget(&self.claims.mark());
        if is_holder {
            self.txs.push(SeenTx::new(event, tx, hasher));
        }
        while self.txs.len() > self.n_max
            || self.txs.oldest().is_some_and(|oldest| is_expired(oldest, event.time))
        {
            self.txs.forget_oldest();
        }
    }

    /// Returns the same claims to be written, sharing memory with these.
    pub fn share(&mut self) -> Self {
        let (claims, txs) = (self.claims.share(), self.txs.share());
        Self { claims, txs, n_max: self.n_max }
    }
}

impl SeenTx {
    fn new(event: &Event, tx: &Tx, hasher: &AccountHasher) -> Self {
        let (to, total, payload, outputs, n_outputs) = match &tx.body {
            TxBody::Evm(evm) => {
                (evm.to.clone(), evm.value, evm_payload(evm, hasher), Box::default(), 0)
            }
            TxBody::Utxo(utxo) => {
                let outputs = seen_outputs(utxo, hasher, OUTPUTS_KEPT_MAX);
                let to = utxo.outputs.iter().zip(&outputs).find(|(_, seen)| !seen.is_change);
                let to = to.map_or(utxo.outputs.first(), |(output, _)| Some(output));
                let to = to.and_then(|output| output.address.clone());
                let total = Amount::from_u64(utxo.output_value());
                let n_outputs = utxo.outputs.len() as u32;
                (to, total, utxo_scripts(utxo, hasher), outputs.into(), n_outputs)
            }
        };
        let is_confirmed = tx.inclusion.is_some();
        Self { id: tx.id, time: event.time, is_confirmed, to, total, payload, outputs, n_outputs }
    }

    /// Judges a transaction that claims what this one holds.
    fn against(&self, tx: &Tx, key: ConflictKey, hasher: &AccountHasher) -> Conflict {
        let (kind, value_at_risk) = match &tx.body {
            TxBody::Evm(evm) => self.against_evm(evm, hasher),
            TxBody::Utxo(utxo) => self.against_utxo(utxo, hasher),
        };
        Conflict {
            key,
            kind,
            original: self.id,
            replacement: tx.id,
            is_original_confirmed: self.is_confirmed,
            value_at_risk,
            original_to: self.to.clone(),
        }
    }

    fn against_evm(&self, evm: &EvmTx, hasher: &AccountHasher) -> (ConflictKind, Amount) {
        if evm_payload(evm, hasher) == self.payload {
            (ConflictKind::SpeedUp, Amount::ZERO)
        } else if evm.to.as_ref() == Some(&evm.from) && evm.value.is_zero() {
            (ConflictKind::Cancel, self.total)
        } else if evm.to == self.to && evm.value >= self.total {
            // Other calldata, but the recipient gets what it was to get.
            (ConflictKind::Redirect, Amount::ZERO)
        } else {
            (ConflictKind::Redirect, self.total)
        }
    }

    fn against_utxo(&self, utxo: &UtxoTx, hasher: &AccountHasher) -> (ConflictKind, Amount) {
        let new = seen_outputs(utxo, hasher, usize::MAX);
        let is_same_shape =
            new.len() == self.n_outputs as usize && utxo_scripts(utxo, hasher) == self.payload;
        let is_near =
            |(old, new): (&SeenOutput, &SeenOutput)| old.value.abs_diff(new.value) <= FEE_BUMP_MAX;
        let total = utxo.output_value();
        let rest_max = FEE_BUMP_MAX.saturating_mul(u64::from(self.n_outputs));
        let is_near_in_sum = self.total <= Amount::from_u64(total.saturating_add(rest_max))
            && Amount::from_u64(total) <= self.total.saturating_add(Amount::from_u64(rest_max));
        if is_same_shape && is_near_in_sum && self.outputs.iter().zip(&new).all(is_near) {
            return (ConflictKind::FeeBump, Amount::ZERO);
        }
        let lost = self.outputs.iter().filter(|old| !old.is_change).fold(0u64, |lost, old| {
            let still = new.iter().filter(|o| o.script == old.script);
            let still = still.fold(0u64, |sum, o| sum.saturating_add(o.value));
            lost.saturating_add(old.value.saturating_sub(still))
        });
        (ConflictKind::DoubleSpend, Amount::from_u64(lost))
    }
}

fn is_expired(claim: &SeenTx, now: EventTime) -> bool {
    now.since(claim.time) > CLAIM_AGE_MAX
}

/// Returns what a transaction claims: its outpoints, or its sender's nonce.
fn keys(tx: &Tx) -> impl Iterator<Item = ConflictKey> + '_ {
    let nonce = tx
        .evm()
        .and_then(|evm| evm.nonce.map(|nonce| ConflictKey::SenderNonce(evm.from.clone(), nonce)));
    let inputs = tx.utxo().map_or(&[][..], |utxo| &utxo.inputs);
    let outpoints = inputs.iter().filter_map(|input| input.outpoint).map(ConflictKey::OutPoint);
    nonce.into_iter().chain(outpoints.take(CLAIMS_PER_TX_MAX))
}

fn hash(key: &ConflictKey, hasher: &AccountHasher) -> u64 {
    match key {
        ConflictKey::OutPoint(OutPoint { tx, index }) => {
            hasher.hash(&[b"outpoint", &tx.0, &index.to_le_bytes()])
        }
        ConflictKey::SenderNonce(address, nonce) => {
            hasher.hash(&[b"nonce", address.bytes(), &nonce.to_le_bytes()])
        }
    }
}

fn evm_payload(evm: &EvmTx, hasher: &AccountHasher) -> u64 {
    let to = evm.to.as_ref().map_or(&[][..], |to| to.bytes());
    let value = evm.value.0.to_le_bytes::<32>();
    let input = [evm.input.digest.to_le_bytes(), u64::from(evm.input.n_bytes).to_le_bytes()];
    hasher.hash(&[to, &value, &input[0], &input[1]])
}

fn seen_outputs(utxo: &UtxoTx, hasher: &AccountHasher, n_max: usize) -> Vec<SeenOutput> {
    let outputs = utxo.outputs.iter().take(n_max);
    let is_change = |address: &Option<Address>| {
        let mut inputs = utxo.inputs.iter().take(CLAIMS_PER_TX_MAX);
        address.is_some() && inputs.any(|input| input.address == *address)
    };
    let seen = outputs.map(|output| SeenOutput {
        script: script(output, hasher),
        value: output.value,
        is_change: is_change(&output.address),
    });
    seen.collect()
}

fn utxo_scripts(utxo: &UtxoTx, hasher: &AccountHasher) -> u64 {
    let step = |digest: u64, script: u64| super::fixed::mix64(digest.rotate_left(1) ^ script);
    utxo.outputs.iter().map(|output| script(output, hasher)).fold(0, step)
}

/// Returns the digest of an output's script, or of its address where the script is not given.
fn script(output: &crate::model::TxOut, hasher: &AccountHasher) -> u64 {
    match (&output.address, output.script_digest) {
        (Some(address), 0) => hasher.key(address).0,
        (_, digest) => digest,
    }
}
