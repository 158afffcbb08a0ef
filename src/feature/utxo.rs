//! The features of a UTXO transaction: its shape, its coins' history, its representative accounts.

use super::{FeatureDef, Features, Parties, evm::VALUE_EPSILON, log_age, log_count};
use crate::{
    model::{Event, EventTime, ScriptType, UtxoTx},
    state::{Entity, Profile, State},
};

features! {
    LOG_TOTAL "log_total" "log10 units" VALUE "log10 of the sum of the outputs plus 1e-6.";
    LOG_VALUE "log_value" "log10 units" VALUE "log10 of the largest payment plus 1e-6.";
    FEE_RATE_Z "fee_rate_z" "robust sigma" PLAIN "Fee rate against recent median and MAD.";
    N_IN "n_in" "ln n" PLAIN "Inputs.";
    N_OUT "n_out" "ln n" PLAIN "Outputs.";
    N_EQUAL "n_equal" "ln n" PLAIN "Outputs of the most frequent value, when it repeats.";
    EQUAL_SHARE "equal_share" "share" PLAIN "Their share of all outputs.";
    OUT_ENTROPY "out_entropy" "nats" PLAIN "Entropy of how the value is split over outputs.";
    IN_ENTROPY "in_entropy" "nats" PLAIN "Entropy of how the value is split over inputs.";
    IN_AGE "in_age" "ln s" PLAIN "Mean age of the coins spent, weighted by value.";
    COIN_DAYS "coin_days" "ln unit-days" VALUE "Coin-days destroyed.";
    N_DUST "n_dust" "ln n" PLAIN "Outputs below 1,000 satoshi.";
    ROUND_SHARE "round_share" "share" VALUE "Share of outputs that are multiples of 0.01 units.";
    CHANGE_SHARE "change_share" "share" VALUE "Share of the value beyond the largest payment.";
    SCRIPT_MIX "script_mix" "share" PLAIN "Share of outputs unlike the first input's script type.";
    SIGNALS_RBF "signals_rbf" "flag" PLAIN "Whether it can be replaced (BIP 125).";
    HAS_LOCK_TIME "has_lock_time" "flag" PLAIN "Whether a lock time is set.";
    OP_RETURN_BYTES "op_return_bytes" "ln bytes" PLAIN "Script bytes of data-carrying outputs.";
    N_PEELS "n_peels" "ln n" PLAIN "Hops of the peel chain that it continues.";
    TAINT "taint" "share" PLAIN "Share of the coins spent that comes from labelled accounts.";
    LABEL_NEARNESS "label_nearness" "1/n" PLAIN "1 over payments since the nearest label plus 1.";
    WAY_RARITY "way_rarity" "nats" PLAIN "How rare its version, lock time and RBF are together.";
    SENDER_CLUSTER "sender_cluster" "ln n" PLAIN "Accounts that have spent together with it.";
    RECEIVER_CLUSTER "receiver_cluster" "ln n" PLAIN "The same of the main receiver.";
    CLUSTER_NEW_SHARE "cluster_new_share" "share" PLAIN "Of the payer's 24 h, new counterparties.";
    SENDER_AGE "sender_age" "ln s" PLAIN "Time since the main input account was first seen.";
    SENDER_OUT "sender_out" "ln n" PLAIN "Payments that account has made.";
    SENDER_OUT_24H "sender_out_24h" "n" PLAIN "Decayed payments of it, half-life 24 h.";
    RECEIVER_AGE "receiver_age" "ln s" PLAIN "Time since the main receiver was first seen.";
    RECEIVER_IN "receiver_in" "ln n" PLAIN "Payments the receiver has received.";
    NEW_SENDERS_24H "new_senders_24h" "n" PLAIN "Decayed first payments to the receiver, 24 h.";
    NEW_SENDERS_7D "new_senders_7d" "n" PLAIN "Decayed first payments to the receiver, 7 d.";
    FAN_IN "fan_in" "share" PLAIN "Distinct senders per payment to the receiver.";
    IS_NEW_EDGE "is_new_edge" "flag" PLAIN "Whether the pair has never moved anything before.";
    N_PAIR "n_pair" "ln n" PLAIN "Earlier payments of the pair.";
    MEAN_LOG_IN "mean_log_in" "log10 units" VALUE "Mean log value of the receiver's receipts.";
}

/// Satoshi below which an output costs more to spend than it is worth (P2PKH at 3 sat/vB: 444).
const DUST_SATS: u64 = 1_000;

/// A multiple of 0.01 units in base units of 10^-8: what people type, unlike change.
const ROUND_SATS: u64 = 1_000_000;

/// The inputs and outputs looked at, which bounds the work for one huge transaction.
const SIDES_MAX: usize = 1_024;

/// Fills in every feature of a UTXO transaction.
pub(super) fn extract(
    event: &Event,
    body: &UtxoTx,
    parties: &Parties<'_>,
    state: &State,
    out: &mut Features,
) {
    of_shape(body, parties, state, out);
    of_outputs(body, out);
    of_coins(event.time, body, state, out);
    of_accounts(event.time, parties, state, out);
    of_entities(event.time, parties, state, out);
}

fn of_shape(body: &UtxoTx, parties: &Parties<'_>, state: &State, out: &mut Features) {
    let scale = libm::pow(10.0, f64::from(state.chain().native.decimals));
    let total = body.output_value() as f64 / scale;
    out.set(LOG_TOTAL, libm::log10(total + VALUE_EPSILON));
    if parties.receiver.is_some() {
        out.set(LOG_VALUE, libm::log10(parties.value + VALUE_EPSILON));
        if total > 0.0 {
            out.set(CHANGE_SHARE, 1.0 - parties.value / total);
        }
    }
    out.set(N_IN, libm::log1p(body.inputs.len() as f64));
    out.set(N_OUT, libm::log1p(body.outputs.len() as f64));
    out.set(SIGNALS_RBF, f64::from(u8::from(body.signals_rbf())));
    if let Some(lock_time) = body.lock_time {
        out.set(HAS_LOCK_TIME, f64::from(u8::from(lock_time > 0)));
    }
    let vsize = body.virtual_size.or(body.size).filter(|&s| s > 0);
    let stats = state.chain_stats();
    let band = stats.fee_median.zip(stats.fee_mad);
    if let (Some(fee), Some(vsize), Some((median, mad))) = (body.fee(), vsize, band) {
        // A quiet chain has MAD 0: a tenth of a satoshi per vbyte is the least that matters.
        let rate = fee as f64 / f64::from(vsize);
        out.set(FEE_RATE_Z, (rate - median) / (MAD_TO_SIGMA * mad).max(0.1));
    }
}

/// A normal distribution's standard deviation over its median absolute deviation.
const MAD_TO_SIGMA: f64 = 1.4826;

fn of_outputs(body: &UtxoTx, out: &mut Features) {
    let paying = || body.outputs.iter().take(SIDES_MAX).filter(|o| !is_data(o.script_type));
    let mut values: Vec<u64> = paying().map(|o| o.value).collect();
    values.sort_unstable();
    let n = values.len();
    let n_most = values.chunk_by(|a, b| a == b).map(<[u64]>::len).max().unwrap_or(0);
    let n_equal = if n_most > 1 { n_most } else { 0 };
    out.set(N_EQUAL, libm::log1p(n_equal as f64));
    if n > 0 {
        out.set(EQUAL_SHARE, n_equal as f64 / n as f64);
        let n_round = values.iter().filter(|&&v| v > 0 && v % ROUND_SATS == 0).count();
        out.set(ROUND_SHARE, n_round as f64 / n as f64);
        if let Some(first) = body.inputs.first().filter(|_| !body.is_coinbase) {
            let n_unlike = paying().filter(|o| o.script_type != first.script_type).count();
            out.set(SCRIPT_MIX, n_unlike as f64 / n as f64);
        }
    }
    out.set(N_DUST, libm::log1p(values.iter().filter(|&&v| v < DUST_SATS).count() as f64));
    out.set(OUT_ENTROPY, entropy(values.iter().copied()));
    let data = body.outputs.iter().take(SIDES_MAX).filter(|o| is_data(o.script_type));
    let n_bytes: u64 = data.map(|o| u64::from(o.script_len)).sum();
    out.set(OP_RETURN_BYTES, libm::log1p(n_bytes as f64));
}

fn is_data(script_type: ScriptType) -> bool {
    script_type == ScriptType::NullData
}

fn of_coins(now: EventTime, body: &UtxoTx, state: &State, out: &mut Features) {
    if body.is_coinbase {
        return;
    }
    let mut values = Vec::with_capacity(body.inputs.len().min(SIDES_MAX));
    let (mut known, mut weighted_days, mut n_peels) = (0.0, 0.0, None::<u16>);
    for input in body.inputs.iter().take(SIDES_MAX) {
        let spent = input.outpoint.and_then(|o| state.output(&o));
        values.extend(input.value.or(spent.map(|s| s.value)));
        let Some(spent) = spent else { continue };
        let units = spent.value as f64 / 1e8;
        let days = now.since(spent.time).max(0) as f64 / EventTime::DAY as f64;
        known += units;
        weighted_days += units * days;
        n_peels = n_peels.max(Some(spent.n_peels));
    }
    if values.len() == body.inputs.len().min(SIDES_MAX) {
        out.set(IN_ENTROPY, entropy(values.into_iter()));
    }
    if known > 0.0 {
        let seconds = weighted_days / known * (EventTime::DAY / EventTime::SECOND) as f64;
        out.set(IN_AGE, libm::log1p(seconds));
        out.set(COIN_DAYS, libm::log1p(weighted_days));
    }
    if let Some(n_peels) = n_peels {
        out.set(N_PEELS, log_count(u32::from(n_peels)));
    }
    let taint = state.taint(body);
    out.set(TAINT, taint.map_or(0.0, |taint| taint.share));
    out.set(LABEL_NEARNESS, taint.map_or(0.0, |t| 1.0 / (f64::from(t.n_hops) + 1.0)));
    if let Some(rarity) = state.way_rarity(body) {
        out.set(WAY_RARITY, rarity);
    }
}

/// Returns the Shannon entropy of the shares of a total, in nats; 0 for nothing.
fn entropy(values: impl Iterator<Item = u64> + Clone) -> f64 {
    let total = values.clone().fold(0.0, |sum, v| sum + v as f64);
    if total <= 0.0 {
        return 0.0;
    }
    values.filter(|&v| v > 0).fold(0.0, |sum, v| {
        let share = v as f64 / total;
        sum - share * libm::log(share)
    })
}

fn of_accounts(now: EventTime, parties: &Parties<'_>, state: &State, out: &mut Features) {
    let unseen = Profile::default();
    if let Some(key) = parties.sender {
        let seen = state.profile(key);
        let p = seen.unwrap_or(&unseen);
        out.set(SENDER_AGE, log_age(now, seen.map_or(now, Profile::first_seen)));
        out.set(SENDER_OUT, log_count(p.n_out()));
        out.set(SENDER_OUT_24H, p.out_24h(now));
    }
    if let Some(key) = parties.receiver {
        let seen = state.profile(key);
        let p = seen.unwrap_or(&unseen);
        out.set(RECEIVER_AGE, log_age(now, seen.map_or(now, Profile::first_seen)));
        out.set(RECEIVER_IN, log_count(p.n_in()));
        out.set(NEW_SENDERS_24H, p.new_senders_24h(now));
        out.set(NEW_SENDERS_7D, p.new_senders_7d(now));
        out.set(FAN_IN, f64::from(p.n_senders()) / (f64::from(p.n_in()) + 1.0));
        if p.n_in() > 0 {
            out.set(MEAN_LOG_IN, p.mean_log_in());
        }
    }
    if let (Some(from), Some(to)) = (parties.sender, parties.receiver) {
        let n_pair = state.n_payments(from, to);
        out.set(IS_NEW_EDGE, f64::from(u8::from(n_pair == 0)));
        out.set(N_PAIR, log_count(n_pair));
    }
}

/// Looks at the accounts that spend together; an account that never did is an entity of its own.
fn of_entities(now: EventTime, parties: &Parties<'_>, state: &State, out: &mut Features) {
    let n_members = |entity: Option<Entity>| log_count(entity.map_or(1, |e| e.n_members));
    if let Some(key) = parties.sender {
        let entity = state.entity(key, now);
        out.set(SENDER_CLUSTER, n_members(entity));
        if let Some(entity) = entity.filter(|e| e.paid_24h >= PAID_MIN) {
            out.set(CLUSTER_NEW_SHARE, entity.paid_new_24h / entity.paid_24h);
        }
    }
    if let Some(key) = parties.receiver {
        out.set(RECEIVER_CLUSTER, n_members(state.entity(key, now)));
    }
}

/// Decayed payments of an entity before the share of new ones is told: one payment is no habit.
const PAID_MIN: f64 = 2.0;
