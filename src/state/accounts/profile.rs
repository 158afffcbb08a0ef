//! One account's row: 100 bytes of decayed counts, totals and running means, native asset only.

mod image;

use super::payment::{Payment, Receipt};
use crate::{
    model::EventTime,
    state::tables::{
        fixed::{Dither, Scale, from_short_float, short_float_up},
        table::Aged,
    },
};

/// Half-lives of the decayed counts in seconds: 1 h, 24 h, 7 d.
const HALF_LIVES: [f64; 3] = [3_600.0, 86_400.0, 604_800.0];
/// Added before the logarithm of a value, so that zero has one (log10(v + 1e-6)).
const LOG_OFFSET: f64 = 1e-6;
/// A zero value is -6; no native asset has 10^13 units.
const LOG_VALUE: Scale = Scale { low: -6.5, high: 13.0, n_bits: 16 };
/// The spread of log10 values; eleven bits leave five for the count.
const SPREAD: Scale = Scale { low: 0.0, high: 4.0, n_bits: 11 };
const SHARE: Scale = Scale { low: 0.0, high: 1.0, n_bits: 16 };
/// Logarithms about payers; e^22 seconds are 113 years.
const PAYER: Scale = Scale { low: 0.0, high: 22.0, n_bits: 10 };
/// Values sent that count towards the own mean and spread; also the EWMA's memory.
const LOG_OUT_COUNT_MAX: u16 = 31;
/// Values sent before the own mean and spread are told.
const LOG_OUT_COUNT_MIN: u16 = 5;
/// Lifetime means become moving averages over this many payments, to follow a changed account.
const MEAN_MEMORY: u32 = 1_024;
/// The same for the means over payers, which are kept in fewer bits.
const PAYER_MEMORY: u32 = 64;
/// Distinct recipients of an account that is taken for a service: an exchange, a pool, a dispenser.
const HUB_RECIPIENTS_MIN: u32 = 50;

/// One account's profile; decayed counts are evaluated at the time asked for.
///
/// Accounts are known from transactions that name them as sender or recipient. Failed transactions
/// count as sent, and nothing more; token transfers do not touch profiles.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Profile {
    first_seen: u32,
    last_in: u32,
    last_out: u32,
    ins: [f32; 3],
    outs: [f32; 3],
    /// At 24 h and 7 d.
    new_senders: [f32; 2],
    fresh_senders: f32,
    n_in: u32,
    n_out: u32,
    n_senders: u32,
    n_recipients: u32,
    n_single_senders: u32,
    n_fresh_senders: u32,
    total_in: f32,
    total_out: f32,
    /// Three means of ten bits.
    payers: u32,
    max_in: u16,
    mean_log_out: u16,
    /// Eleven bits of spread, five of count.
    spread_log_out: u16,
    mean_log_in: u16,
    share_mid_in: u16,
    share_round_in: u16,
    share_hub_in: u16,
    /// Whether it had sent before it was ever paid.
    has_sent_first: bool,
}

/// Returns event time as whole seconds, as all tables keep it.
pub(in crate::state) fn seconds(time: EventTime) -> u32 {
    // 32 bits last until 2106; what is outside is clamped, not wrapped.
    time.secs().clamp(0, i64::from(u32::MAX)) as u32
}

/// Returns the event time of whole seconds.
pub(in crate::state) fn event_time(seconds: u32) -> EventTime {
    EventTime::from_secs(i64::from(seconds))
}

impl Aged for Profile {
    fn last_used(&self) -> u32 {
        self.reference().max(self.first_seen)
    }

    fn is_established(&self) -> bool {
        self.n_in.saturating_add(self.n_out) >= 2
    }
}

impl Profile {
    /// Makes the profile of an account first seen now.
    pub(in crate::state) fn first_seen_at(time: u32) -> Self {
        Self { first_seen: time, ..Self::default() }
    }

    /// Learns a receipt.
    pub(in crate::state) fn receive(&mut self, receipt: &Receipt) {
        let weights = self.decay_to(receipt.time);
        for (count, weight) in self.ins.iter_mut().zip(weights) {
            *count += weight;
        }
        self.last_in = self.last_in.max(receipt.time);
        self.n_in = self.n_in.saturating_add(1);
        match receipt.n_payments_before {
            0 => {
                self.n_senders = self.n_senders.saturating_add(1);
                self.n_single_senders = self.n_single_senders.saturating_add(1);
                self.new_senders[0] += weights[1];
                self.new_senders[1] += weights[2];
            }
            1 => self.n_single_senders = self.n_single_senders.saturating_sub(1),
            _ => {}
        }
        if receipt.is_payer_fresh {
            self.n_fresh_senders = self.n_fresh_senders.saturating_add(1);
            self.fresh_senders += weights[2];
        }
        self.total_in = (self.total_in + receipt.value as f32).min(f32::MAX);
        self.max_in = self.max_in.max(short_float_up(receipt.value as f32));
        self.learn_means(receipt);
    }

    /// Learns a payment.
    pub(in crate::state) fn send(&mut self, payment: &Payment) {
        let weights = self.decay_to(payment.time);
        for (count, weight) in self.outs.iter_mut().zip(weights) {
            *count += weight;
        }
        self.last_out = self.last_out.max(payment.time);
        self.has_sent_first |= self.n_in == 0 && self.n_out == 0;
        self.n_out = self.n_out.saturating_add(1);
        self.n_recipients = self.n_recipients.saturating_add(payment.n_new_recipients);
        let Some(value) = payment.value else { return };
        self.total_out = (self.total_out + value as f32).min(f32::MAX);
        if value > 0.0 {
            self.learn_log_out(log_value(value));
        }
    }

    /// Returns what the account is remembered by where it pays: ln(1+age in s), ln(1+payments out),
    /// ln(1+distinct recipients).
    pub(in crate::state) fn as_payer(&self, now: u32) -> [f64; 3] {
        [
            libm::log1p(f64::from(now.saturating_sub(self.first_seen))),
            libm::log1p(f64::from(self.n_out)),
            libm::log1p(f64::from(self.n_recipients)),
        ]
    }

    /// Returns whether the account pays as many others as only a service does.
    pub(in crate::state) fn is_hub(&self) -> bool {
        self.n_recipients >= HUB_RECIPIENTS_MIN
    }

    fn learn_means(&mut self, receipt: &Receipt) {
        // Distinct salts: the means of one row must not round in step.
        let dither = |salt| Dither::of(self.n_in, salt);
        let rate = 1.0 / f64::from(self.n_in.min(MEAN_MEMORY));
        let learn = |code: u16, scale: Scale, seen: f64, salt: u64| {
            let mean = scale.decode(code);
            // The first one sets the mean: the code of an empty row means nothing.
            let mean = if self.n_in == 1 { seen } else { mean + rate * (seen - mean) };
            scale.encode(mean, dither(salt))
        };
        let is_mid = (0.01..=2.0).contains(&receipt.value);
        let mean_log_in = learn(self.mean_log_in, LOG_VALUE, log_value(receipt.value), 1);
        let share_mid_in = learn(self.share_mid_in, SHARE, f64::from(u8::from(is_mid)), 2);
        let is_round = f64::from(u8::from(receipt.is_round));
        let share_round_in = learn(self.share_round_in, SHARE, is_round, 3);
        let is_hub = f64::from(u8::from(receipt.is_payer_hub));
        let share_hub_in = learn(self.share_hub_in, SHARE, is_hub, 9);
        let rate = 1.0 / f64::from(self.n_in.min(PAYER_MEMORY));
        let means = self.payers();
        let mut payers = 0;
        for (k, seen) in receipt.payer.into_iter().enumerate() {
            let mean = if self.n_in == 1 { seen } else { means[k] + rate * (seen - means[k]) };
            payers |= u32::from(PAYER.encode(mean, dither(4 + k as u64))) << (10 * k);
        }
        self.mean_log_in = mean_log_in;
        self.share_mid_in = share_mid_in;
        self.share_round_in = share_round_in;
        self.share_hub_in = share_hub_in;
        self.payers = payers;
    }

    fn learn_log_out(&mut self, seen: f64) {
        let count = (self.spread_log_out >> 11).saturating_add(1).min(LOG_OUT_COUNT_MAX);
        let rate = 1.0 / f64::from(count);
        let mean = if count == 1 { seen } else { LOG_VALUE.decode(self.mean_log_out) };
        let spread = if count == 1 { 0.0 } else { SPREAD.decode(self.spread_log_out & 0x7ff) };
        let step = seen - mean;
        // West 1979, with the rate of a moving average once the count is full.
        let variance = (1.0 - rate) * (spread * spread + rate * step * step);
        let dither = |salt| Dither::of(self.n_out, salt);
        let mean_log_out = LOG_VALUE.encode(mean + rate * step, dither(7));
        let spread = SPREAD.encode(variance.sqrt(), dither(8));
        self.mean_log_out = mean_log_out;
        self.spread_log_out = spread | count << 11;
    }

    /// Returns the time that the decayed counts refer to.
    fn reference(&self) -> u32 {
        self.last_in.max(self.last_out)
    }

    /// Decays all counts to `time` and returns the weights of one more at each half-life: 1, or
    /// less when `time` is before what the counts refer to.
    fn decay_to(&mut self, time: u32) -> [f32; 3] {
        let reference = self.reference();
        if reference == 0 || time == reference {
            return [1.0; 3];
        }
        let factors = HALF_LIVES.map(|h| decay(f64::from(time.abs_diff(reference)), h) as f32);
        if time < reference {
            return factors;
        }
        for ((ins, outs), factor) in self.ins.iter_mut().zip(&mut self.outs).zip(factors) {
            *ins *= factor;
            *outs *= factor;
        }
        self.new_senders[0] *= factors[1];
        self.new_senders[1] *= factors[2];
        self.fresh_senders *= factors[2];
        [1.0; 3]
    }

    fn decayed(&self, count: f32, half_life_idx: usize, now: EventTime) -> f64 {
        let elapsed = seconds(now).saturating_sub(self.reference());
        f64::from(count) * decay(f64::from(elapsed), HALF_LIVES[half_life_idx])
    }
}

impl Profile {
    /// Returns when the account was first seen.
    pub fn first_seen(&self) -> EventTime {
        event_time(self.first_seen)
    }
    /// Returns when the account last received.
    pub fn last_in(&self) -> Option<EventTime> {
        (self.last_in > 0).then(|| event_time(self.last_in))
    }
    /// Returns when the account last sent.
    pub fn last_out(&self) -> Option<EventTime> {
        (self.last_out > 0).then(|| event_time(self.last_out))
    }
    /// Returns the payments received, ever.
    pub fn n_in(&self) -> u32 {
        self.n_in
    }
    /// Returns the transactions sent, ever; failed ones count.
    pub fn n_out(&self) -> u32 {
        self.n_out
    }
    /// Returns the distinct senders, ever.
    pub fn n_senders(&self) -> u32 {
        self.n_senders
    }
    /// Returns the distinct recipients, ever.
    pub fn n_recipients(&self) -> u32 {
        self.n_recipients
    }
    /// Returns the senders that paid exactly once.
    pub fn n_single_senders(&self) -> u32 {
        self.n_single_senders
    }
    /// Returns the payments from senders that had never been seen in the stream before.
    pub fn n_fresh_senders(&self) -> u32 {
        self.n_fresh_senders
    }
    /// Returns the payments received, with a half-life of 1 h.
    pub fn in_1h(&self, now: EventTime) -> f64 {
        self.decayed(self.ins[0], 0, now)
    }
    /// Returns the payments received, with a half-life of 24 h.
    pub fn in_24h(&self, now: EventTime) -> f64 {
        self.decayed(self.ins[1], 1, now)
    }
    /// Returns the payments received, with a half-life of 7 d.
    pub fn in_7d(&self, now: EventTime) -> f64 {
        self.decayed(self.ins[2], 2, now)
    }
    /// Returns the transactions sent, with a half-life of 1 h.
    pub fn out_1h(&self, now: EventTime) -> f64 {
        self.decayed(self.outs[0], 0, now)
    }
    /// Returns the transactions sent, with a half-life of 24 h.
    pub fn out_24h(&self, now: EventTime) -> f64 {
        self.decayed(self.outs[1], 1, now)
    }
    /// Returns the transactions sent, with a half-life of 7 d.
    pub fn out_7d(&self, now: EventTime) -> f64 {
        self.decayed(self.outs[2], 2, now)
    }
    /// Returns the senders that paid for the first time, with a half-life of 24 h.
    pub fn new_senders_24h(&self, now: EventTime) -> f64 {
        self.decayed(self.new_senders[0], 1, now)
    }
    /// Returns the senders that paid for the first time, with a half-life of 7 d.
    pub fn new_senders_7d(&self, now: EventTime) -> f64 {
        self.decayed(self.new_senders[1], 2, now)
    }
    /// Returns the payments from senders never seen before, with a half-life of 7 d.
    pub fn fresh_senders_7d(&self, now: EventTime) -> f64 {
        self.decayed(self.fresh_senders, 2, now)
    }
    /// Returns the total received, in whole native units.
    pub fn total_in(&self) -> f64 {
        f64::from(self.total_in)
    }
    /// Returns the total sent, in whole native units.
    pub fn total_out(&self) -> f64 {
        f64::from(self.total_out)
    }
    /// Returns the largest receipt in whole native units, up to 0.8 % above the exact one.
    pub fn max_in(&self) -> f64 {
        from_short_float(self.max_in)
    }
    /// Returns the EWMA mean and standard deviation of log10(v + 1e-6) of the values sent, once
    /// there are enough; zero values do not count.
    pub fn log_out(&self) -> Option<(f64, f64)> {
        (self.spread_log_out >> 11 >= LOG_OUT_COUNT_MIN).then(|| {
            (LOG_VALUE.decode(self.mean_log_out), SPREAD.decode(self.spread_log_out & 0x7ff))
        })
    }
    /// Returns the mean of log10(v + 1e-6) of the values received; 0 when nothing was received.
    pub fn mean_log_in(&self) -> f64 {
        if self.n_in == 0 { 0.0 } else { LOG_VALUE.decode(self.mean_log_in) }
    }
    /// Returns the share of payments received with 0.01 ≤ v ≤ 2.
    pub fn share_mid_in(&self) -> f64 {
        SHARE.decode(self.share_mid_in)
    }
    /// Returns the share of payments received with at most two significant digits.
    pub fn share_round_in(&self) -> f64 {
        SHARE.decode(self.share_round_in)
    }
    /// Returns the share of payments received that came from services: accounts that had paid at
    /// least 50 others.
    pub fn share_hub_in(&self) -> f64 {
        SHARE.decode(self.share_hub_in)
    }
    /// Returns whether the account had sent before it was ever paid.
    pub fn has_sent_first(&self) -> bool {
        self.has_sent_first
    }
    /// Returns means over past payers, each taken when it paid: ln(1+age in s), ln(1+payments out),
    /// ln(1+distinct recipients).
    pub fn payers(&self) -> [f64; 3] {
        [0, 1, 2].map(|k| PAYER.decode((self.payers >> (10 * k) & 0x3ff) as u16))
    }
}

fn decay(elapsed_s: f64, half_life_s: f64) -> f64 {
    libm::exp2(-elapsed_s / half_life_s)
}

fn log_value(units: f64) -> f64 {
    libm::log10(units + LOG_OFFSET)
}
