//! A profile's bytes in a snapshot.

use super::{LOG_VALUE, Profile, log_value};
use crate::state::tables::{
    fixed::{Dither, short_float_up},
    fixed_layout::plain,
};

plain!(Profile, Profile::against_its_own, {
    first_seen: u32,
    last_in: u32,
    last_out: u32,
    ins: [f32; 3],
    outs: [f32; 3],
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
    payers: u32,
    max_in: u16,
    mean_log_out: u16,
    spread_log_out: u16,
    mean_log_in: u16,
    share_mid_in: u16,
    share_round_in: u16,
    share_hub_in: u16,
    has_sent_first: bool,
});

impl Profile {
    /// Takes numbers that are often equal to others from those, bit by bit, and back: zeros take no
    /// room in a snapshot.
    fn against_its_own(mut self) -> Self {
        let xor = |a: f32, b: f32| f32::from_bits(a.to_bits() ^ b.to_bits());
        self.new_senders = [0, 1].map(|k| xor(self.new_senders[k], self.ins[k + 1]));
        self.n_senders ^= self.n_in;
        self.n_single_senders ^= self.n_in;
        self.n_recipients ^= self.n_out;
        // What is asked here is never changed here: the way back asks the same.
        if self.n_in > 0 {
            self.last_in ^= self.first_seen;
        }
        if self.n_out > 0 {
            self.last_out ^= self.first_seen;
        }
        if self.n_in == 1 {
            self.max_in ^= short_float_up(self.total_in);
            self.mean_log_in ^= first_mean_log(self.total_in, self.n_in, 1);
        }
        if self.n_out == 1 {
            self.mean_log_out ^= first_mean_log(self.total_out, self.n_out, 7);
        }
        self
    }
}

/// Returns the code of a mean over one value, nearly always: the value is kept in fewer digits.
fn first_mean_log(value: f32, count: u32, salt: u64) -> u16 {
    LOG_VALUE.encode(log_value(f64::from(value)), Dither::of(count, salt))
}
