//! Transactions of unspent outputs: many payers, many payees, one entity that pays.

use super::{
    accounts::{
        payment::{Payment, Receipt},
        profile::{Profile, seconds},
        windows::WindowKind,
    },
    apply::{Learner, end},
    chain::outputs::{Peel, StoredOutput, output_key},
    graph::{
        entities,
        taint::{Taint, TaintLabels},
        transfers::{NewTransfer, TransferEnd},
    },
    memory::Memory,
};
use crate::model::{AccountHasher, AccountKey, Amount, Event, OutPoint, Reference, Tx, UtxoTx};

/// Distinct accounts on either side that a transaction teaches anything.
pub const ACCOUNTS_PER_SIDE_MAX: usize = 256;
/// Payers whose moves enter the transfer graph, the largest inputs first.
const GRAPH_PAYERS_MAX: usize = 4;
/// Moves of one transaction that enter the transfer graph.
const GRAPH_MOVES_MAX: usize = 64;

/// One account on one side of a transaction.
#[derive(Clone, Copy, Debug)]
struct Party {
    end: TransferEnd,
    /// Satoshi, all its inputs or outputs together.
    value: u64,
    /// Its largest single input or output.
    largest: u64,
    /// What comes back to a payer.
    change: u64,
}

/// Learns a transaction of unspent outputs. Labelled owners taint what they own.
pub(super) fn learn(
    learner: &mut Learner<'_>,
    event: &Event,
    tx: &Tx,
    utxo: &UtxoTx,
    reference: &Reference,
) {
    UtxoLearner(learner).learn(event, tx, utxo, reference);
}

/// The steps of [`learn`].
struct UtxoLearner<'a, 'b>(&'a mut Learner<'b>);

impl UtxoLearner<'_, '_> {
    fn learn(&mut self, event: &Event, tx: &Tx, utxo: &UtxoTx, reference: &Reference) {
        let time = seconds(event.time);
        let spent = self.spend(utxo);
        let mut payers = self.payers(utxo, &spent);
        let payees = payees(self.0.hasher, utxo, &mut payers);
        self.learn_fee_rate(utxo, &spent);
        self.0.memory.habits.learn(utxo);
        self.remember_outputs(event, tx, utxo, &spent, reference);
        let keys = |parties: &[Party]| parties.iter().map(|p| p.end.key).collect::<Vec<_>>();
        let Memory { clusters, edges, .. } = &mut *self.0.memory;
        entities::learn(clusters, edges, utxo, &keys(&payers), &keys(&payees), time);
        let payer = payers.first().map(|payer| payer.end);
        let mut n_new_recipients = 0;
        let mut moves = Vec::with_capacity(payees.len().min(GRAPH_MOVES_MAX));
        for payee in &payees {
            let receipt = self.utxo_receipt(payer, payee, time);
            let is_new_edge = payer.is_some() && receipt.n_payments_before == 0;
            n_new_recipients += u32::from(is_new_edge);
            let is_fresh_receiver = self.0.memory.profiles.get(payee.end.key).is_none();
            let fresh = Profile::first_seen_at(time);
            self.0.memory.profiles.upsert(payee.end.key, fresh, |p| p.receive(&receipt));
            moves.push(NewTransfer {
                from: TransferEnd::default(),
                to: payee.end,
                time,
                value: receipt.value,
                token: None,
                tx: Some(tx.id),
                is_new_edge,
                is_fresh_receiver,
                is_failed: false,
            });
        }
        self.push_moves(&payers, &moves);
        for (at, payer) in payers.iter().enumerate() {
            // The payees were paid by the entity; it is counted where the largest input comes from.
            let n_new_recipients = if at == 0 { n_new_recipients } else { 0 };
            let value = Some(self.units(payer.value.saturating_sub(payer.change)));
            let payment = Payment { time, value, n_new_recipients };
            let fresh = Profile::first_seen_at(time);
            self.0.memory.profiles.upsert(payer.end.key, fresh, |p| p.send(&payment));
            self.0.count(WindowKind::Sent10m, AccountKey(payer.end.key), time);
        }
    }

    /// Takes the outputs that a transaction spends out of memory, one answer an input.
    fn spend(&mut self, utxo: &UtxoTx) -> Vec<Option<StoredOutput>> {
        let mut spent = Vec::with_capacity(utxo.inputs.len());
        for input in &utxo.inputs {
            let key = input.outpoint.map(|outpoint| output_key(&outpoint, self.0.hasher));
            spent.push(key.and_then(|key| self.0.memory.outputs.remove(key)));
        }
        spent
    }

    /// Returns the distinct accounts of the inputs, the one with the largest input first.
    fn payers(&self, utxo: &UtxoTx, spent: &[Option<StoredOutput>]) -> Vec<Party> {
        let mut payers: Vec<Party> = Vec::new();
        for (input, spent) in utxo.inputs.iter().zip(spent) {
            let key = input.address.as_ref().map(|address| self.0.key(address).0);
            let key = key.or(spent.map(|s| s.account).filter(|account| *account != 0));
            let value = input.value.or(spent.map(|s| s.value)).unwrap_or(0);
            if let Some(key) = key {
                add_party(&mut payers, end(key, input.address.as_ref()), value);
            }
        }
        let first_largest = (0..payers.len()).rev().max_by_key(|at| payers[*at].largest);
        if let Some(at) = first_largest {
            payers.swap(0, at);
        }
        payers
    }

    fn utxo_receipt(&mut self, payer: Option<TransferEnd>, payee: &Party, time: u32) -> Receipt {
        let value = self.units(payee.value);
        let amount = Amount::from_u64(payee.value);
        match payer {
            Some(payer) => self.0.receipt(payer.key, payee.end.key, time, value, amount),
            // Newly minted: there is no sender to count, so the pair passes for an old one.
            None => Receipt {
                time,
                value,
                is_round: false,
                n_payments_before: u32::MAX,
                is_payer_fresh: false,
                payer: [0.0; 3],
                is_payer_hub: false,
            },
        }
    }

    /// Enters the moves into the graph; with several payers each has its share of the value.
    fn push_moves(&mut self, payers: &[Party], moves: &[NewTransfer]) {
        let payers = &payers[..payers.len().min(GRAPH_PAYERS_MAX)];
        let total: u64 = payers.iter().fold(0, |sum, payer| sum.saturating_add(payer.value));
        let pairs = payers.iter().flat_map(|payer| moves.iter().map(move |m| (payer, m)));
        for (payer, transfer) in pairs.take(GRAPH_MOVES_MAX) {
            let share = match total {
                0 => 1.0 / payers.len() as f64,
                total => payer.value as f64 / total as f64,
            };
            let is_first = payer.end == payers[0].end;
            self.0.memory.graph.push(&NewTransfer {
                from: payer.end,
                value: transfer.value * share,
                is_new_edge: transfer.is_new_edge && is_first,
                ..*transfer
            });
        }
    }

    fn remember_outputs(
        &mut self,
        event: &Event,
        tx: &Tx,
        utxo: &UtxoTx,
        spent: &[Option<StoredOutput>],
        reference: &Reference,
    ) {
        let time = seconds(event.time);
        let labels = TaintLabels { reference, time: event.time };
        let passed_on = labels.of_spent(utxo, spent).and_then(Taint::passed_on);
        let known: Vec<StoredOutput> = spent.iter().flatten().copied().collect();
        let height = tx.inclusion.map_or(0, |i| u32::try_from(i.height).unwrap_or(u32::MAX));
        let values: Vec<u64> = utxo.outputs.iter().map(|output| output.value).collect();
        let peel = Peel::of(&known, utxo.inputs.len(), &values, time);
        for (at, output) in utxo.outputs.iter().enumerate() {
            if output.value == 0 && output.address.is_none() {
                continue; // A data carrier: nobody will spend it.
            }
            let peel = peel.filter(|peel| peel.change == at);
            let taint = labels.of_owner(output.address.as_ref()).or(passed_on);
            let stored = StoredOutput {
                value: output.value,
                account: output.address.as_ref().map_or(0, |address| self.0.key(address).0),
                time,
                height,
                peel_start: peel.map_or(0, |peel| peel.start),
                n_peels: peel.map_or(0, |peel| peel.n_peels),
                taint: taint.map_or(0, Taint::stored_share),
                n_taint_hops: taint.map_or(0, |taint| taint.n_hops),
                is_coinbase: utxo.is_coinbase,
            };
            let key = output_key(&OutPoint { tx: tx.id, index: output.index }, self.0.hasher);
            self.0.memory.outputs.upsert(key, stored, |o| *o = stored);
        }
    }

    fn learn_fee_rate(&mut self, utxo: &UtxoTx, spent: &[Option<StoredOutput>]) {
        let size = utxo.virtual_size.or(utxo.size).filter(|size| *size > 0);
        let (Some(size), false) = (size, utxo.is_coinbase) else { return };
        let values = utxo.inputs.iter().zip(spent);
        let input_value = values.map(|(input, spent)| input.value.or(spent.map(|s| s.value)));
        let input_value: Option<u64> =
            input_value.into_iter().try_fold(0u64, |sum, v| Some(sum.saturating_add(v?)));
        if let Some(fee) = input_value.and_then(|v| utxo.fee_of(v)) {
            self.0.memory.fees.push(fee as f64 / f64::from(size));
        }
    }

    fn units(&self, satoshi: u64) -> f64 {
        Amount::from_u64(satoshi).units(self.0.chain.native.decimals)
    }
}

/// Returns the distinct accounts of the outputs; what comes back to a payer is change, no receipt.
fn payees(hasher: &AccountHasher, utxo: &UtxoTx, payers: &mut [Party]) -> Vec<Party> {
    let mut payees = Vec::new();
    for output in &utxo.outputs {
        let Some(address) = &output.address else { continue };
        let end = end(hasher.key(address).0, Some(address));
        match payers.iter_mut().find(|payer| payer.end.key == end.key) {
            Some(payer) => payer.change = payer.change.saturating_add(output.value),
            None => add_party(&mut payees, end, output.value),
        }
    }
    payees
}

fn add_party(parties: &mut Vec<Party>, end: TransferEnd, value: u64) {
    if let Some(party) = parties.iter_mut().find(|party| party.end.key == end.key) {
        party.value = party.value.saturating_add(value);
        party.largest = party.largest.max(value);
    } else if parties.len() < ACCOUNTS_PER_SIDE_MAX {
        parties.push(Party { end, value, largest: value, change: 0 });
    }
}
