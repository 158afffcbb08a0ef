//! The features of an EVM transaction: value, timing, both accounts' histories, the pair, gas.

use super::{FeatureDef, Features, Parties, log_age, log_count};
use crate::{
    model::{AccountKey, Amount, Event, EventTime, EvmTx, Tx},
    state::{Move, Profile, State},
};

features! {
    LOG_VALUE "log_value" "log10 units" VALUE "log10 of the value plus 1e-6.";
    DIGITS "digits" "digits" VALUE "Significant decimal digits of the value.";
    IS_ZERO "is_zero" "flag" VALUE "Whether no native value moves.";
    Z_SENDER "z_sender" "sigma" VALUE "Deviation of the log value from the sender's own habit.";
    SENDER_GAP "sender_gap" "ln s" PLAIN "Time since the sender last sent.";
    SENDER_FUNDED_GAP "sender_funded_gap" "ln s" PLAIN "Time since the sender last received.";
    RECEIVER_GAP "receiver_gap" "ln s" PLAIN "Time since the receiver last received.";
    SENDER_AGE "sender_age" "ln s" PLAIN "Time since the sender was first seen.";
    RECEIVER_AGE "receiver_age" "ln s" PLAIN "Time since the receiver was first seen.";
    SENDER_IN "sender_in" "ln n" PLAIN "Payments the sender has received.";
    SENDER_OUT "sender_out" "ln n" PLAIN "Payments the sender has made.";
    SENDER_RECIPIENTS "sender_recipients" "ln n" PLAIN "Distinct recipients of the sender.";
    SENDER_FAN_OUT "sender_fan_out" "share" PLAIN "Distinct recipients per payment of the sender.";
    SENDER_OUT_1H "sender_out_1h" "n" PLAIN "Decayed payments of the sender, half-life 1 h.";
    SENDER_OUT_24H "sender_out_24h" "n" PLAIN "Decayed payments of the sender, half-life 24 h.";
    SENDER_OUT_7D "sender_out_7d" "n" PLAIN "Decayed payments of the sender, half-life 7 d.";
    SENDER_NONCE "sender_nonce" "ln n" PLAIN "Transactions the sender has made, by its nonce.";
    RECEIVER_IN "receiver_in" "ln n" PLAIN "Payments the receiver has received.";
    RECEIVER_OUT "receiver_out" "ln n" PLAIN "Payments the receiver has made.";
    RECEIVER_SENDERS "receiver_senders" "ln n" PLAIN "Distinct senders to the receiver.";
    RECEIVER_IN_1H "receiver_in_1h" "n" PLAIN "Decayed payments to the receiver, half-life 1 h.";
    RECEIVER_IN_24H "receiver_in_24h" "n" PLAIN "Decayed payments to the receiver, half-life 24 h.";
    RECEIVER_IN_7D "receiver_in_7d" "n" PLAIN "Decayed payments to the receiver, half-life 7 d.";
    NEW_SENDERS_24H "new_senders_24h" "n" PLAIN "Decayed first payments to the receiver, 24 h.";
    NEW_SENDERS_7D "new_senders_7d" "n" PLAIN "Decayed first payments to the receiver, 7 d.";
    SENDERS_PER_DAY "senders_per_day" "ln n/d" PLAIN "Distinct senders per day of the receiver's life.";
    FRESH_SENDERS_7D "fresh_senders_7d" "n" PLAIN "Decayed payments by never seen senders, 7 d.";
    FRESH_SHARE "fresh_share" "share" PLAIN "Share of the receiver's senders never seen before.";
    FAN_IN "fan_in" "share" PLAIN "Distinct senders per payment to the receiver.";
    SINGLE_SHARE "single_share" "share" PLAIN "Share of the receiver's senders that paid once.";
    REPEATS "repeats" "ln n" PLAIN "Payments to the receiver beyond the first of each sender.";
    PAYERS_AGE "payers_age" "ln s" PLAIN "Mean age of the receiver's past payers when they paid.";
    PAYERS_OUT "payers_out" "ln n" PLAIN "Mean payments made by past payers when they paid.";
    PAYERS_RECIPIENTS "payers_recipients" "ln n" PLAIN "Mean recipients of past payers, likewise.";
    MEAN_LOG_IN "mean_log_in" "log10 units" VALUE "Mean log value of the receiver's receipts.";
    MID_SHARE "mid_share" "share" VALUE "Share of the receiver's receipts from 0.01 to 2 units.";
    ROUND_SHARE "round_share" "share" VALUE "Share of receipts of at most two digits.";
    LOG_TOTAL_IN "log_total_in" "log10 units" VALUE "Total the receiver has received.";
    LOG_NET_IN "log_net_in" "log10 units" VALUE "What the receiver has received and not spent.";
    RETENTION "retention" "share" VALUE "Share of the receiver's receipts not sent on.";
    SENDER_OUT_IN "sender_out_in" "ratio" VALUE "What the sender has sent over what it received.";
    OVER_BALANCE "over_balance" "ratio" VALUE "Value over what the sender is known to have left.";
    OVER_MAX_IN "over_max_in" "log10 ratio" VALUE "Value over the receiver's largest receipt.";
    PAYERS_HUB_SHARE "payers_hub_share" "share" PLAIN "Share of receipts from services.";
    RECEIVER_RECIPIENTS "receiver_recipients" "ln n" PLAIN "Distinct recipients of the receiver.";
    RECEIVER_SENT_GAP "receiver_sent_gap" "ln s" PLAIN "Time since the receiver last sent.";
    HAS_SENT_FIRST "has_sent_first" "flag" PLAIN "Whether the receiver sent before it was paid.";
    SINK_SHARE "sink_share" "share" PLAIN "Share of the receiver's payments that go to its sink.";
    SINK_SENDERS "sink_senders" "ln n" PLAIN "Distinct senders to the receiver's sink.";
    SINK_AGE "sink_age" "ln s" PLAIN "Time since the receiver's sink was first seen.";
    SENDER_SENDERS "sender_senders" "ln n" PLAIN "Distinct senders to the sender.";
    IS_NEW_EDGE "is_new_edge" "flag" PLAIN "Whether the pair has never moved anything before.";
    N_PAIR "n_pair" "ln n" PLAIN "Earlier payments of the pair.";
    IS_RECIPROCAL "is_reciprocal" "flag" PLAIN "Whether the receiver has paid the sender before.";
    HOUR_SIN "hour_sin" "sin" PLAIN "Hour of the UTC day, sine.";
    HOUR_COS "hour_cos" "cos" PLAIN "Hour of the UTC day, cosine.";
    HAS_CALLDATA "has_calldata" "flag" PLAIN "Whether the transaction carries calldata.";
    IS_CREATION "is_creation" "flag" PLAIN "Whether the transaction creates a contract.";
    FEE_OVER_BASE "fee_over_base" "ln ratio" PLAIN "Gas price over the base fee (or median price).";
    GAS_USED_SHARE "gas_used_share" "share" PLAIN "Gas used over the gas limit.";
    IS_FAILED "is_failed" "flag" PLAIN "Whether the transaction failed.";
    N_LOGS "n_logs" "ln n" PLAIN "Logs and token transfers of the transaction seen so far.";
}

/// Added to values before the logarithm, in whole units: a micro-unit is nothing.
pub(super) const VALUE_EPSILON: f64 = 1e-6;

/// Fills in every feature of an EVM transaction.
pub(super) fn extract(
    event: &Event,
    tx: &Tx,
    body: &EvmTx,
    parties: &Parties<'_>,
    state: &State,
    out: &mut Features,
) {
    let now = event.time;
    let sender = parties.sender.and_then(|key| state.profile(key));
    let receiver = parties.receiver.and_then(|key| state.profile(key));
    of_tx(now, tx, body, state, out);
    of_value(body.value, parties.value, sender, receiver, out);
    of_sender(now, sender, out);
    if let Some(nonce) = body.nonce {
        out.set(SENDER_NONCE, libm::log1p(nonce as f64));
    }
    // A contract creation has no receiver: everything about one stays absent.
    if let (Some(from), Some(to)) = (parties.sender, parties.receiver) {
        of_receiver(now, receiver, out);
        of_sink(now, to, receiver, None, state, out);
        let n_pair = state.n_payments(from, to);
        out.set(IS_NEW_EDGE, f64::from(u8::from(n_pair == 0)));
        out.set(N_PAIR, log_count(n_pair));
        out.set(IS_RECIPROCAL, f64::from(u8::from(state.n_payments(to, from) > 0)));
    }
}

/// Fills in what a payment in a token has of the same features: both ends' dealings in tokens stand
/// for those in the native asset, and values are in typical amounts of the token.
pub(super) fn extract_token(
    now: EventTime,
    (from, to): (AccountKey, AccountKey),
    token: AccountKey,
    (amount, value): (Amount, f64),
    state: &State,
    out: &mut Features,
) {
    let (sender, receiver) = (state.token_profile(from), state.token_profile(to));
    of_value(amount, value, sender, receiver, out);
    of_sender(now, sender, out);
    of_receiver(now, receiver, out);
    of_sink(now, to, receiver, Some(token), state, out);
    let n_pair = state.n_transfers(from, to, token);
    out.set(IS_NEW_EDGE, f64::from(u8::from(n_pair == 0)));
    out.set(N_PAIR, log_count(n_pair));
    out.set(IS_RECIPROCAL, f64::from(u8::from(state.n_transfers(to, from, token) > 0)));
}

fn of_tx(now: EventTime, tx: &Tx, body: &EvmTx, state: &State, out: &mut Features) {
    let micros_of_day = now.micros().rem_euclid(EventTime::DAY);
    let angle = core::f64::consts::TAU * micros_of_day as f64 / EventTime::DAY as f64;
    out.set(HOUR_SIN, libm::sin(angle));
    out.set(HOUR_COS, libm::cos(angle));
    out.set(HAS_CALLDATA, f64::from(u8::from(body.input.n_bytes > 0)));
    out.set(IS_CREATION, f64::from(u8::from(body.to.is_none())));
    let stats = state.chain_stats();
    let price = body.gas_price.or(body.max_fee_per_gas).map(|p| p.to_f64());
    if let (Some(price), Some(base)) = (price, stats.base_fee_per_gas.or(stats.fee_median)) {
        out.set(FEE_OVER_BASE, libm::log((price + 1.0) / (base + 1.0)));
    }
    let logs = state.tx_logs(&tx.id).unwrap_or_default();
    let n_logs = logs.n_transfers.saturating_add(logs.n_approvals).saturating_add(logs.n_other);
    out.set(N_LOGS, log_count(n_logs));
    if let Some(outcome) = &tx.outcome {
        out.set(IS_FAILED, f64::from(u8::from(tx.is_failed())));
        if let (Some(used), Some(limit)) = (outcome.gas_used, body.gas_limit) {
            out.set(GAS_USED_SHARE, used as f64 / limit.max(1) as f64);
        }
    }
}

fn of_value(
    amount: Amount,
    value: f64,
    sender: Option<&Profile>,
    receiver: Option<&Profile>,
    out: &mut Features,
) {
    let log_value = libm::log10(value + VALUE_EPSILON);
    out.set(LOG_VALUE, log_value);
    out.set(DIGITS, f64::from(amount.significant_digits()));
    out.set(IS_ZERO, f64::from(u8::from(amount.is_zero())));
    if let Some((mean, sd)) = sender.and_then(Profile::log_out) {
        out.set(Z_SENDER, (log_value - mean) / sd.max(SD_MIN));
    }
    if let Some(sender) = sender {
        let (total_in, total_out) = (sender.total_in(), sender.total_out());
        out.set(SENDER_OUT_IN, (total_out / (total_in + VALUE_EPSILON)).min(RATIO_MAX));
        let left = total_in - total_out;
        if left > 0.0 {
            out.set(OVER_BALANCE, (value / left).min(RATIO_MAX));
        }
    }
    let max_in = receiver.map_or(0.0, Profile::max_in);
    if max_in > 0.0 {
        out.set(OVER_MAX_IN, log_value - libm::log10(max_in + VALUE_EPSILON));
    }
}

/// The smallest spread of an account's log values that is believed: 2 % of the value.
pub const SD_MIN: f64 = 0.01;

/// Ratios of sums that may be incomplete say nothing more beyond this.
const RATIO_MAX: f64 = 1_000.0;

/// An account that was never seen has age 0 and counts 0: that is what it is to the stream.
fn of_sender(now: EventTime, sender: Option<&Profile>, out: &mut Features) {
    let Some(p) = sender else {
        let zero = [SENDER_AGE, SENDER_IN, SENDER_OUT, SENDER_RECIPIENTS, SENDER_SENDERS];
        let rates = [SENDER_FAN_OUT, SENDER_OUT_1H, SENDER_OUT_24H, SENDER_OUT_7D];
        zero.into_iter().chain(rates).for_each(|position| out.set(position, 0.0));
        return;
    };
    out.set(SENDER_AGE, log_age(now, p.first_seen()));
    out.set(SENDER_IN, log_count(p.n_in()));
    out.set(SENDER_OUT, log_count(p.n_out()));
    out.set(SENDER_RECIPIENTS, log_count(p.n_recipients()));
    out.set(SENDER_SENDERS, log_count(p.n_senders()));
    out.set(SENDER_FAN_OUT, f64::from(p.n_recipients()) / (f64::from(p.n_out()) + 1.0));
    out.set(SENDER_OUT_1H, p.out_1h(now));
    out.set(SENDER_OUT_24H, p.out_24h(now));
    out.set(SENDER_OUT_7D, p.out_7d(now));
    if let Some(last) = p.last_out() {
        out.set(SENDER_GAP, log_age(now, last));
    }
    if let Some(last) = p.last_in() {
        out.set(SENDER_FUNDED_GAP, log_age(now, last));
    }
}

fn of_receiver(now: EventTime, receiver: Option<&Profile>, out: &mut Features) {
    let unseen = Profile::default();
    let p = receiver.unwrap_or(&unseen);
    let first_seen = receiver.map_or(now, Profile::first_seen);
    let (n_in, n_senders) = (f64::from(p.n_in()), f64::from(p.n_senders()));
    let per_sender = n_senders.max(1.0);
    out.set(RECEIVER_AGE, log_age(now, first_seen));
    out.set(RECEIVER_IN, log_count(p.n_in()));
    out.set(RECEIVER_OUT, log_count(p.n_out()));
    out.set(RECEIVER_SENDERS, log_count(p.n_senders()));
    out.set(RECEIVER_RECIPIENTS, log_count(p.n_recipients()));
    out.set(HAS_SENT_FIRST, f64::from(u8::from(p.has_sent_first())));
    out.set(RECEIVER_IN_1H, p.in_1h(now));
    out.set(RECEIVER_IN_24H, p.in_24h(now));
    out.set(RECEIVER_IN_7D, p.in_7d(now));
    if let Some(last) = p.last_in() {
        out.set(RECEIVER_GAP, log_age(now, last));
    }
    if let Some(last) = p.last_out() {
        out.set(RECEIVER_SENT_GAP, log_age(now, last));
    }
    out.set(NEW_SENDERS_24H, p.new_senders_24h(now));
    out.set(NEW_SENDERS_7D, p.new_senders_7d(now));
    let days = now.since(first_seen).max(0) as f64 / EventTime::DAY as f64;
    out.set(SENDERS_PER_DAY, libm::log(n_senders / (days + 1.0) + 0.001));
    out.set(FRESH_SENDERS_7D, p.fresh_senders_7d(now));
    out.set(FRESH_SHARE, f64::from(p.n_fresh_senders()) / per_sender);
    out.set(FAN_IN, n_senders / (n_in + 1.0));
    out.set(SINGLE_SHARE, f64::from(p.n_single_senders()) / per_sender);
    out.set(REPEATS, log_count(p.n_in().saturating_sub(p.n_senders())));
    let [age, n_out, n_recipients] = p.payers();
    out.set(PAYERS_AGE, age);
    out.set(PAYERS_OUT, n_out);
    out.set(PAYERS_RECIPIENTS, n_recipients);
    out.set(PAYERS_HUB_SHARE, p.share_hub_in());
    out.set(MEAN_LOG_IN, p.mean_log_in());
    out.set(MID_SHARE, p.share_mid_in());
    out.set(ROUND_SHARE, p.share_round_in());
    let (total_in, total_out) = (p.total_in(), p.total_out());
    out.set(LOG_TOTAL_IN, libm::log10(total_in + VALUE_EPSILON));
    out.set(LOG_NET_IN, libm::log10((total_in - total_out).max(0.0) + VALUE_EPSILON));
    if total_in > 0.0 {
        out.set(RETENTION, (1.0 - total_out / total_in).clamp(-1.0, 1.0));
    }
}

/// Where the receiver passes on to: the account that it paid last, its sink. A deposit address has
/// one for life, which everybody's deposits reach; a collector empties itself here and there. What
/// has not sent anything yet (lately) has no sink, which says nothing about it.
///
/// # Cost
/// One step into the graph, one pair and one profile.
fn of_sink(
    now: EventTime,
    receiver: AccountKey,
    profile: Option<&Profile>,
    token: Option<AccountKey>,
    state: &State,
    out: &mut Features,
) {
    let n_out = profile.map_or(0, Profile::n_out);
    if n_out == 0 {
        return;
    }
    let is_payment = |m: &Move| m.token == token && !m.is_failed && m.other != receiver;
    let Some(last) = state.sent(receiver).take(SINK_STEPS_MAX).find(is_payment) else { return };
    let n_paid = f64::from(match token {
        Some(token) => state.n_transfers(receiver, last.other, token),
        None => state.n_payments(receiver, last.other),
    });
    out.set(SINK_SHARE, (n_paid / f64::from(n_out.min(PAIR_COUNT_MAX))).min(1.0));
    let sink = match token {
        Some(_) => state.token_profile(last.other),
        None => state.profile(last.other),
    };
    if let Some(sink) = sink {
        out.set(SINK_SENDERS, log_count(sink.n_senders()));
        out.set(SINK_AGE, log_age(now, sink.first_seen()));
    }
}

/// Moves of the receiver among which its last payment is looked for.
const SINK_STEPS_MAX: usize = 8;

/// Payments of a pair are not counted beyond this.
const PAIR_COUNT_MAX: u32 = 255;
