//! The structures of mixing protocols, tested on one transaction's inputs and outputs.

use super::Params;
use crate::model::{Address, ScriptType, TxOut, UtxoTx};

/// A mixing protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variant {
    Whirlpool,
    WhirlpoolTx0,
    Wasabi1,
    Wasabi2,
    JoinMarket,
}

impl Variant {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Whirlpool => "whirlpool",
            Self::WhirlpoolTx0 => "whirlpool_tx0",
            Self::Wasabi1 => "wasabi1",
            Self::Wasabi2 => "wasabi2",
            Self::JoinMarket => "joinmarket",
        }
    }
}

/// What was recognised, with the numbers for the sentence.
pub(super) struct Match {
    pub variant: Variant,
    /// Satoshi.
    pub denomination: u64,
    /// Outputs that make it a mix, and how many of them it takes.
    pub n_equal: usize,
    pub n_min: usize,
}

/// A transaction's outputs, sorted for counting.
pub(super) struct Shape<'a> {
    /// Outputs that pay somebody.
    paying: Vec<&'a TxOut>,
    /// Distinct values of those, ascending, each with its count.
    counts: Vec<(u64, usize)>,
    /// The value that occurs most often (of equals the greatest), with its count.
    mode: (u64, usize),
    has_distinct_scripts: bool,
}

impl<'a> Shape<'a> {
    /// Counts the outputs; `None` when nobody is paid.
    ///
    /// # Cost
    /// O(n log n) in the outputs.
    pub fn of(body: &'a UtxoTx) -> Option<Self> {
        let paying: Vec<&TxOut> = body.outputs.iter().filter(|o| !is_data(o)).collect();
        let mut values: Vec<u64> = paying.iter().map(|o| o.value).collect();
        values.sort_unstable();
        let counts: Vec<(u64, usize)> =
            values.chunk_by(|a, b| a == b).map(|run| (run[0], run.len())).collect();
        let mode = counts.iter().copied().max_by_key(|(value, n)| (*n, *value))?;
        let mut scripts: Vec<(u64, Option<&Address>)> =
            paying.iter().map(|o| (o.script_digest, o.address.as_ref())).collect();
        scripts.sort_unstable();
        let has_distinct_scripts = scripts.windows(2).all(|pair| pair[0] != pair[1]);
        Some(Self { paying, counts, mode, has_distinct_scripts })
    }
}

fn is_data(output: &TxOut) -> bool {
    output.script_type == ScriptType::NullData || (output.value == 0 && output.address.is_none())
}

/// Returns the first protocol that the transaction has the structure of, the strictest first.
pub(super) fn recognise(params: &Params, body: &UtxoTx, shape: &Shape<'_>) -> Option<Match> {
    whirlpool(params, body, shape)
        .or_else(|| tx0(params, body, shape))
        .or_else(|| wasabi2(params, body, shape))
        .or_else(|| wasabi1(params, body, shape))
        .or_else(|| joinmarket(params, body, shape))
}

/// A Whirlpool mix: as many inputs as outputs, every output the pool size, every input the pool
/// size (a remix) or that and a small surplus (an entrant, who pays the fee).
fn whirlpool(params: &Params, body: &UtxoTx, shape: &Shape<'_>) -> Option<Match> {
    let (pool, n) = shape.mode;
    let is_mix = (params.whirlpool_n_min..=params.whirlpool_n_max).contains(&n)
        && body.inputs.len() == n
        && body.outputs.len() == n
        && shape.has_distinct_scripts
        && params.whirlpool_pools.contains(&pool);
    let is_entrant = |v: u64| {
        let surplus = v.saturating_sub(pool);
        (params.whirlpool_surplus_min..=params.whirlpool_surplus_max).contains(&surplus)
    };
    let mut known = body.inputs.iter().filter_map(|i| i.value);
    let is_funded = known.clone().all(|v| v == pool || is_entrant(v));
    // With every input known, somebody must have paid the fee.
    let has_entrant = known.any(is_entrant) || body.inputs.iter().any(|i| i.value.is_none());
    (is_mix && is_funded && has_entrant).then_some(Match {
        variant: Variant::Whirlpool,
        denomination: pool,
        n_equal: n,
        n_min: params.whirlpool_n_min,
    })
}

/// A tx0: one data carrier, premix outputs of the pool size and a surplus, the coordinator's fee
/// (a small share of the pool size), and at most two changes.
fn tx0(params: &Params, body: &UtxoTx, shape: &Shape<'_>) -> Option<Match> {
    const REST_MAX: usize = 3; // Fee, change, and one more for a second funder.
    let mut carriers = body.outputs.iter().filter(|o| is_data(o));
    let (Some(carrier), None) = (carriers.next(), carriers.next()) else { return None };
    // A script length of 0 is unknown: the script was not given.
    if carrier.value != 0 || (1..params.tx0_data_bytes_min).contains(&carrier.script_len) {
        return None;
    }
    let is_premix = |pool: u64, v: u64| {
        let surplus = v.saturating_sub(pool);
        (params.whirlpool_surplus_min..=params.whirlpool_surplus_max).contains(&surplus)
    };
    let is_fee = |pool: u64, v: u64| {
        let share = v as f64 / pool as f64;
        (params.tx0_fee_share_min..=params.tx0_fee_share_max).contains(&share)
    };
    for &pool in params.whirlpool_pools.iter().filter(|pool| **pool > 0) {
        for &(premix, n) in &shape.counts {
            let n_rest = shape.paying.len() - n;
            let mut rest = shape.paying.iter().filter(|o| o.value != premix);
            if n <= params.tx0_n_premix_max
                && is_premix(pool, premix)
                && (1..=REST_MAX).contains(&n_rest)
                && rest.any(|o| is_fee(pool, o.value))
            {
                return Some(Match {
                    variant: Variant::WhirlpoolTx0,
                    denomination: premix,
                    n_equal: n,
                    n_min: 1,
                });
            }
        }
    }
    None
}

/// A Wasabi 1 round: many equal outputs of one denomination from at least as many inputs, all to
/// different native SegWit scripts, as its coordinator demands.
fn wasabi1(params: &Params, body: &UtxoTx, shape: &Shape<'_>) -> Option<Match> {
    let (denomination, n) = shape.mode;
    let is_segwit = |kind: ScriptType| kind == ScriptType::WitnessV0KeyHash;
    // A type of Other on an input is unknown: exporters that do not enrich leave it out.
    let is_possible = |kind: ScriptType| is_segwit(kind) || kind == ScriptType::Other;
    let is_round = n >= params.wasabi1_n_min
        && body.inputs.len() >= n
        && denomination >= params.wasabi1_denomination_min
        && shape.has_distinct_scripts
        && shape.paying.iter().all(|o| is_segwit(o.script_type))
        && body.inputs.iter().all(|i| is_possible(i.script_type));
    is_round.then_some(Match {
        variant: Variant::Wasabi1,
        denomination,
        n_equal: n,
        n_min: params.wasabi1_n_min,
    })
}

/// A Wasabi 2 round: many inputs of many owners, at least half of the outputs of standard
/// denominations, several of which repeat.
///
/// # Source
/// WalletWasabi, `DenominationBuilder`: powers of 2 and 3, twice the powers of 3, and 1, 2 and 5
/// times the powers of 10.
fn wasabi2(params: &Params, body: &UtxoTx, shape: &Shape<'_>) -> Option<Match> {
    let n_inputs = body.inputs.len();
    let smallest = shape.counts.first().map_or(0, |(value, _)| *value);
    if n_inputs < params.wasabi2_n_inputs_min || smallest < params.wasabi2_output_min {
        return None;
    }
    let standard = shape.counts.iter().filter(|(value, _)| is_standard(*value));
    let n_denominated: usize = standard.clone().map(|(_, n)| n).sum();
    let n_repeated = standard.clone().filter(|(_, n)| *n >= 2).count();
    let share = n_denominated as f64 / shape.paying.len() as f64;
    if n_repeated < params.wasabi2_n_denominations_min
        || share < params.wasabi2_denominated_share_min
        || top_address_share(body) > params.wasabi2_top_address_share_max
    {
        return None;
    }
    let (denomination, _) = standard.copied().max_by_key(|(value, n)| (*n, *value))?;
    let n_min = libm::ceil(params.wasabi2_denominated_share_min * shape.paying.len() as f64);
    let variant = Variant::Wasabi2;
    Some(Match { variant, denomination, n_equal: n_denominated, n_min: n_min as usize })
}

/// Returns the share of inputs that the address with most of them owns; unknown addresses differ.
fn top_address_share(body: &UtxoTx) -> f64 {
    let mut owners: Vec<&Address> = body.inputs.iter().filter_map(|i| i.address.as_ref()).collect();
    owners.sort_unstable();
    let most = owners.chunk_by(|a, b| a == b).map(<[_]>::len).max().unwrap_or(1);
    most as f64 / body.inputs.len() as f64
}

fn is_standard(value: u64) -> bool {
    let strip = |mut v: u64, base: u64| {
        while v > 0 && v.is_multiple_of(base) {
            v /= base;
        }
        v
    };
    strip(value, 2) == 1
        || matches!(strip(value, 3), 1 | 2)
        || matches!(strip(value, 10), 1 | 2 | 5)
}

/// A JoinMarket mix: one equal output for each participant, and a change for each of them but
/// perhaps the taker; at least one input each.
///
/// Two equal outputs are left out: that is Stonewall, a spend of one wallet made to look like a
/// mix, or two payments of one amount.
fn joinmarket(params: &Params, body: &UtxoTx, shape: &Shape<'_>) -> Option<Match> {
    let (denomination, n) = shape.mode;
    let n_change = shape.paying.len() - n;
    let n_inputs = body.inputs.len();
    let is_mix = n >= params.joinmarket_n_min
        && denomination > params.joinmarket_dust
        && n_inputs >= n
        && n_change >= 1
        // One more than participants: a taker may pay somebody and keep change.
        && (n - 1..=n + 1).contains(&n_change)
        && shape.paying.len() == body.outputs.len()
        && shape.has_distinct_scripts;
    let participants = n as f64;
    let is_plausible = n_inputs < params.joinmarket_large_n_inputs
        || (n_inputs as f64 <= params.joinmarket_inputs_per_participant_max * participants
            && body.outputs.len() as f64
                >= params.joinmarket_outputs_per_participant_min * participants);
    (is_mix && is_plausible).then_some(Match {
        variant: Variant::JoinMarket,
        denomination,
        n_equal: n,
        n_min: params.joinmarket_n_min,
    })
}
