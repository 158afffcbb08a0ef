//! The structures of mixing protocols, tested on one transaction's inputs and outputs.

use super::Params;
use crate::model::{Address, ScriptType, TxIn, TxOut, UtxoTx};

/// A mixing protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variant {
    Whirlpool,
    WhirlpoolTx0,
    Wasabi1,
    Wasabi2,
    JoinMarket,
    /// Dumplings' "other" mixes that are no JoinMarket mix.
    EqualOutputs,
}

impl Variant {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Whirlpool => "whirlpool",
            Self::WhirlpoolTx0 => "whirlpool_tx0",
            Self::Wasabi1 => "wasabi1",
            Self::Wasabi2 => "wasabi2",
            Self::JoinMarket => "joinmarket",
            Self::EqualOutputs => "equal_outputs",
        }
    }
}

/// What was recognised, with the numbers for the sentence.
pub(super) struct CoinJoinMatch {
    pub variant: Variant,
    /// Satoshi.
    pub denomination: u64,
    /// Outputs that make it a mix, and how many of them it takes.
    pub n_equal: usize,
    pub n_min: usize,
}

/// A transaction's outputs, sorted for counting.
pub(super) struct OutputShape<'a> {
    /// Outputs that pay somebody.
    paying: Vec<&'a TxOut>,
    /// Distinct values of those, ascending, each with its count.
    counts: Vec<(u64, usize)>,
    /// The value that occurs most often (of equals the greatest), with its count.
    mode: (u64, usize),
    n_scripts: usize,
}

impl<'a> OutputShape<'a> {
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
        scripts.dedup();
        Some(Self { n_scripts: scripts.len(), paying, counts, mode })
    }

    fn has_distinct_scripts(&self) -> bool {
        self.n_scripts == self.paying.len()
    }

    /// Counts the values that exactly one output has.
    fn n_unique(&self) -> usize {
        self.counts.iter().filter(|(_, n)| *n == 1).count()
    }
}

/// Looks up an input's value: given with it, or remembered.
pub(super) type ValueOf<'a> = dyn Fn(&TxIn) -> Option<u64> + 'a;

/// Returns whether any variant is possible: each has three outputs, and two of them equal or a data
/// carrier.
///
/// # Cost
/// No allocation and at most 120 comparisons: this is where ordinary transactions leave.
pub(super) fn is_possible(body: &UtxoTx) -> bool {
    const N_COMPARED_MAX: usize = 16; // Above, sorting is cheaper than comparing all pairs.
    let outputs = &body.outputs;
    let is_repeated = |(i, o): (usize, &TxOut)| outputs[..i].iter().any(|p| p.value == o.value);
    outputs.len() >= 3
        && (outputs.len() > N_COMPARED_MAX
            || outputs.iter().any(is_data)
            || outputs.iter().enumerate().any(is_repeated))
}

/// Returns whether all scripts are P2WPKH as far as they are known.
fn is_p2wpkh_only(body: &UtxoTx, shape: &OutputShape<'_>) -> bool {
    let is_p2wpkh = |kind: ScriptType| kind == ScriptType::WitnessV0KeyHash;
    // A type of Other on an input is unknown: exporters that do not enrich leave it out.
    let is_possible = |kind: ScriptType| is_p2wpkh(kind) || kind == ScriptType::Other;
    shape.paying.iter().all(|o| is_p2wpkh(o.script_type))
        && body.inputs.iter().all(|i| is_possible(i.script_type))
}

fn is_data(output: &TxOut) -> bool {
    output.script_type == ScriptType::NullData || (output.value == 0 && output.address.is_none())
}

/// Returns the first protocol that the transaction has the structure of, the strictest first.
pub(super) fn recognise(
    params: &Params,
    body: &UtxoTx,
    shape: &OutputShape<'_>,
    value_of: &ValueOf<'_>,
) -> Option<CoinJoinMatch> {
    whirlpool(params, body, shape, value_of)
        .or_else(|| tx0(params, body, shape))
        .or_else(|| wasabi2(params, body, shape))
        .or_else(|| wasabi1(params, body, shape))
        .or_else(|| joinmarket(params, body, shape, value_of))
}

/// A Whirlpool mix: as many inputs as outputs, all of P2WPKH, every output the pool size, every
/// input the pool size (a remix) or that and a small surplus (an entrant, who pays the fee).
fn whirlpool(
    params: &Params,
    body: &UtxoTx,
    shape: &OutputShape<'_>,
    value_of: &ValueOf<'_>,
) -> Option<CoinJoinMatch> {
    let (pool, n) = shape.mode;
    let is_mix = (params.whirlpool_n_min..=params.whirlpool_n_max).contains(&n)
        && body.inputs.len() == n
        && body.outputs.len() == n
        && shape.has_distinct_scripts()
        && params.whirlpool_pools.contains(&pool)
        && (!params.whirlpool_p2wpkh_only || is_p2wpkh_only(body, shape));
    if !is_mix {
        return None;
    }
    let (mut n_remixed, mut n_entrants, mut n_unknown) = (0, 0, 0);
    for input in &body.inputs {
        let Some(value) = value_of(input) else {
            n_unknown += 1;
            continue;
        };
        let surplus = value.checked_sub(pool)?;
        if surplus == 0 {
            n_remixed += 1;
        } else if (params.whirlpool_surplus_min..=params.whirlpool_surplus_max).contains(&surplus) {
            n_entrants += 1;
        } else {
            return None;
        }
    }
    // With every input known, somebody must have paid the fee, and somebody was there before.
    (n_unknown > 0 || (n_remixed > 0 && n_entrants > 0)).then_some(CoinJoinMatch {
        variant: Variant::Whirlpool,
        denomination: pool,
        n_equal: n,
        n_min: params.whirlpool_n_min,
    })
}

/// A tx0: one data carrier, premix outputs of the pool size and a surplus, the coordinator's fee
/// (a small share of the pool size), and at most two changes.
fn tx0(params: &Params, body: &UtxoTx, shape: &OutputShape<'_>) -> Option<CoinJoinMatch> {
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
                return Some(CoinJoinMatch {
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

/// A Wasabi 1 round: many equal outputs to different P2WPKH scripts from at least as many inputs,
/// as its coordinator demands. It pays the coordinator at a known address, as until 2020, or it has
/// the denomination of all later rounds.
///
/// # Source
/// Dumplings. A few rounds of 2018 paid no fee and had half the denomination: nothing but their
/// company distinguishes them from other mixes, and they are left out.
fn wasabi1(params: &Params, body: &UtxoTx, shape: &OutputShape<'_>) -> Option<CoinJoinMatch> {
    let (denomination, n) = shape.mode;
    let is_round = |n_min: usize| {
        n >= n_min
            && body.inputs.len() >= n
            && shape.has_distinct_scripts()
            && is_p2wpkh_only(body, shape)
    };
    let is_coordinator = |output: &&TxOut| match &output.address {
        Some(Address::Text(text)) => params.wasabi1_coordinators.iter().any(|c| **c == **text),
        _ => false,
    };
    let is_coordinated =
        || is_round(params.wasabi1_coordinated_n_min) && shape.paying.iter().any(is_coordinator);
    let is_usual = denomination.abs_diff(params.wasabi1_denomination)
        <= params.wasabi1_denomination_slack
        && shape.n_unique() >= params.wasabi1_n_unique_min
        && is_round(params.wasabi1_n_min);
    (is_usual || is_coordinated()).then_some(CoinJoinMatch {
        variant: Variant::Wasabi1,
        denomination,
        n_equal: n,
        n_min: if is_usual { params.wasabi1_n_min } else { params.wasabi1_coordinated_n_min },
    })
}

/// A Wasabi 2 round: many inputs of many owners, at least half of the outputs of standard
/// denominations, several of which repeat.
///
/// # Source
/// WalletWasabi, `DenominationBuilder`: powers of 2 and 3, twice the powers of 3, and 1, 2 and 5
/// times the powers of 10.
fn wasabi2(params: &Params, body: &UtxoTx, shape: &OutputShape<'_>) -> Option<CoinJoinMatch> {
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
    Some(CoinJoinMatch { variant, denomination, n_equal: n_denominated, n_min: n_min as usize })
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
/// perhaps the taker; at least one input each. With input values known, also what looks like it
/// but is smaller: two parties, or equal outputs of little value.
fn joinmarket(
    params: &Params,
    body: &UtxoTx,
    shape: &OutputShape<'_>,
    value_of: &ValueOf<'_>,
) -> Option<CoinJoinMatch> {
    let (denomination, n) = shape.mode;
    let n_change = body.outputs.len() - n;
    if n < 2 || n_change == 0 || n_change + 1 < n || denomination < params.equal_output_min {
        return None;
    }
    let is_joinmarket = n >= params.joinmarket_n_min
        && denomination > params.joinmarket_dust
        && shape.paying.len() == body.outputs.len()
        && shape.has_distinct_scripts();
    let values: Option<Vec<u64>> = body.inputs.iter().map(value_of).collect();
    let is_mix = match values {
        Some(values) => is_equal_output_mix(params, body, shape, &values),
        None => is_joinmarket && is_plausible(params, body, n),
    };
    is_mix.then_some(CoinJoinMatch {
        variant: if is_joinmarket { Variant::JoinMarket } else { Variant::EqualOutputs },
        denomination,
        n_equal: n,
        n_min: if is_joinmarket { params.joinmarket_n_min } else { 2 },
    })
}

/// Returns whether the values are those of a mix: one value repeats, as many owners as equal
/// outputs, and nobody puts in with one coin all that the richest can have got out.
///
/// Two equal outputs from a coin of a Whirlpool pool's size are Stonewall: a spend of one wallet,
/// after a mix, that is made to look like a mix of two.
///
/// # Source
/// Dumplings, "other equal output coinjoin like transactions"; Samourai for Stonewall.
fn is_equal_output_mix(
    params: &Params,
    body: &UtxoTx,
    shape: &OutputShape<'_>,
    values: &[u64],
) -> bool {
    let (denomination, n) = shape.mode;
    let changes = body.outputs.iter().map(|o| o.value).filter(|v| *v != denomination);
    let back = denomination.saturating_add(changes.max().unwrap_or_default());
    let greatest = values.iter().copied().max().unwrap_or(u64::MAX);
    let is_stonewall = n == 2 && values.iter().any(|v| params.whirlpool_pools.contains(v));
    body.outputs.len() <= 2 * n
        && shape.n_unique() + 1 == shape.counts.len()
        && shape.n_scripts >= n
        && greatest.saturating_add(params.equal_input_margin_min) <= back
        && !is_stonewall
        && n_owners(body) >= n
}

/// Returns how many addresses own the inputs; unknown addresses differ.
fn n_owners(body: &UtxoTx) -> usize {
    let mut owners: Vec<&Address> = body.inputs.iter().filter_map(|i| i.address.as_ref()).collect();
    let n_unknown = body.inputs.len() - owners.len();
    owners.sort_unstable();
    owners.dedup();
    owners.len() + n_unknown
}

/// Returns whether inputs and outputs, of unknown values, are as many as `n` participants have.
fn is_plausible(params: &Params, body: &UtxoTx, n: usize) -> bool {
    let participants = n as f64;
    let n_inputs = body.inputs.len();
    // One more than participants: a taker may pay somebody and keep change.
    n_inputs >= n
        && body.outputs.len() <= 2 * n + 1
        && (n_inputs < params.joinmarket_large_n_inputs
            || (n_inputs as f64 <= params.joinmarket_inputs_per_participant_max * participants
                && body.outputs.len() as f64
                    >= params.joinmarket_outputs_per_participant_min * participants))
}
