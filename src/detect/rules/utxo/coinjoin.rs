//! `coinjoin`: a transaction has the structure of a known mixing protocol.

mod structure;

use crate::{
    detect::{
        BuiltinMeta, Rule, Scene,
        rules::{finding, money, parties},
    },
    model::{Amount, Band, Family, Finding, Severity, Subject, TxIn},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use structure::{CoinJoinMatch, OutputShape, Variant};

/// All bitcoins that there will ever be, in satoshi.
const SATOSHI_MAX: u64 = 2_100_000_000_000_000;

/// Parameters of [`CoinJoin`].
///
/// # Units
/// Values in base units (satoshi).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Whirlpool pool sizes. Published default (Dumplings): 100,000, 1,000,000, 5,000,000,
    /// 50,000,000 of Samourai and 2,500,000, 25,000,000 of Ashigaru.
    #[schemars(length(max = 64), inner(range(min = 1, max = SATOSHI_MAX)), extend("x-unit" = "satoshi"))]
    pub whirlpool_pools: Vec<u64>,
    /// Least equal inputs and outputs of a Whirlpool mix. Published default: 5.
    #[schemars(range(min = 2, max = 10_000), extend("x-unit" = "inputs"))]
    pub whirlpool_n_min: usize,
    /// Most of them. Published default (Dumplings): 10; surge cycles have up to 8.
    #[schemars(range(min = 2, max = 10_000), extend("x-unit" = "inputs"))]
    pub whirlpool_n_max: usize,
    /// Whether all scripts of a Whirlpool mix are P2WPKH. Published default (Dumplings): yes.
    /// `false` adds mixes with an output to somebody's multisig wallet, which that definition
    /// counts as spends.
    pub whirlpool_p2wpkh_only: bool,
    /// Least surplus over the pool size of an entering coin, for its share of the fee. Published
    /// default: 100.
    #[schemars(range(min = 0, max = SATOSHI_MAX), extend("x-unit" = "satoshi"))]
    pub whirlpool_surplus_min: u64,
    /// Most of it. Published default: 110,000.
    #[schemars(range(min = 0, max = SATOSHI_MAX), extend("x-unit" = "satoshi"))]
    pub whirlpool_surplus_max: u64,
    /// Most premix outputs of a tx0. Published default: 70.
    #[schemars(range(min = 1, max = 10_000), extend("x-unit" = "outputs"))]
    pub tx0_n_premix_max: usize,
    /// Least coordinator fee of a tx0, as a share of the pool size. Default: 0.01 (discounted).
    #[schemars(range(min = 0.0, max = 1.0), extend("x-unit" = "share"))]
    pub tx0_fee_share_min: f64,
    /// Most of it. Published default (Whirlpool's published pool fees): 0.05.
    #[schemars(range(min = 0.0, max = 1.0), extend("x-unit" = "share"))]
    pub tx0_fee_share_max: f64,
    /// Least length of the tx0 data carrier's script in bytes. Published default: 64 bytes of
    /// payload.
    #[schemars(range(min = 0, max = 1_000_000), extend("x-unit" = "bytes"))]
    pub tx0_data_bytes_min: u32,
    /// Addresses that the Wasabi 1 coordinator took its fee at. Published default: the two it had
    /// until 2020.
    #[schemars(length(max = 1_000), inner(length(min = 1, max = 128)))]
    pub wasabi1_coordinators: Vec<String>,
    /// Least equal outputs of a round that pays one of those. Published default (Dumplings): 3.
    #[schemars(range(min = 2, max = 10_000), extend("x-unit" = "outputs"))]
    pub wasabi1_coordinated_n_min: usize,
    /// Least inputs, and equal outputs, of any other Wasabi 1 round. Published default: 10.
    #[schemars(range(min = 2, max = 10_000), extend("x-unit" = "inputs"))]
    pub wasabi1_n_min: usize,
    /// Denomination of those. Published default: 10,000,000.
    #[schemars(range(min = 1, max = SATOSHI_MAX), extend("x-unit" = "satoshi"))]
    pub wasabi1_denomination: u64,
    /// Most difference from it. Published default (Dumplings): 2,000,000.
    #[schemars(range(min = 0, max = SATOSHI_MAX), extend("x-unit" = "satoshi"))]
    pub wasabi1_denomination_slack: u64,
    /// Least outputs of those with a value that no other has: a change and the coordinator's fee.
    /// Published default (Dumplings): 2.
    #[schemars(range(min = 0, max = 10_000), extend("x-unit" = "outputs"))]
    pub wasabi1_n_unique_min: usize,
    /// Least inputs of a Wasabi 2 round. Published default: 20.
    #[schemars(range(min = 2, max = 10_000), extend("x-unit" = "inputs"))]
    pub wasabi2_n_inputs_min: usize,
    /// Least output of a Wasabi 2 round. Published default: 5,000.
    #[schemars(range(min = 0, max = SATOSHI_MAX), extend("x-unit" = "satoshi"))]
    pub wasabi2_output_min: u64,
    /// Least standard denominations that occur twice in a Wasabi 2 round. Published default: 3.
    #[schemars(range(min = 0, max = 10_000), extend("x-unit" = "denominations"))]
    pub wasabi2_n_denominations_min: usize,
    /// Least share of outputs with a standard denomination. Published default: 0.5.
    #[schemars(range(min = 0.0, max = 1.0), extend("x-unit" = "share"))]
    pub wasabi2_denominated_share_min: f64,
    /// Most of the inputs that one address may own. Published default: 0.1.
    #[schemars(range(min = 0.0, max = 1.0), extend("x-unit" = "share"))]
    pub wasabi2_top_address_share_max: f64,
    /// Least equal outputs of a JoinMarket mix; two are told apart from it. Published default: 3.
    #[schemars(range(min = 2, max = 10_000), extend("x-unit" = "outputs"))]
    pub joinmarket_n_min: usize,
    /// The equal outputs of a JoinMarket mix are above this. Published default: 2,730, the dust
    /// limit of old nodes.
    #[schemars(range(min = 0, max = SATOSHI_MAX), extend("x-unit" = "satoshi"))]
    pub joinmarket_dust: u64,
    /// Without input values: from this many inputs on, the next two apply. Published default: 50.
    #[schemars(range(min = 1, max = 100_000), extend("x-unit" = "inputs"))]
    pub joinmarket_large_n_inputs: usize,
    /// Most inputs a participant of a large mix brings on average. Published default: 20.
    #[schemars(range(min = 1.0, max = 10_000.0), extend("x-unit" = "inputs"))]
    pub joinmarket_inputs_per_participant_max: f64,
    /// Least outputs a participant of a large mix gets on average. Published default: 1.7.
    #[schemars(range(min = 0.0, max = 10_000.0), extend("x-unit" = "outputs"))]
    pub joinmarket_outputs_per_participant_min: f64,
    /// Least value of equal outputs. Published default: 546, the dust limit of the oldest script
    /// type. Sales of inscriptions have many of little more; 2,731 leaves most of them out.
    #[schemars(range(min = 0, max = SATOSHI_MAX), extend("x-unit" = "satoshi"))]
    pub equal_output_min: u64,
    /// Least amount that every input is below the greatest change and an equal output together.
    /// Published default (Dumplings): 10,000. It keeps payments of one wallet out, and those mixes
    /// whose richest participant has one input; 0 brings the latter back.
    #[schemars(range(min = 0, max = SATOSHI_MAX), extend("x-unit" = "satoshi"))]
    pub equal_input_margin_min: u64,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            whirlpool_pools: vec![100_000, 1_000_000, 2_500_000, 5_000_000, 25_000_000, 50_000_000],
            whirlpool_n_min: 5,
            whirlpool_n_max: 10,
            whirlpool_p2wpkh_only: true,
            whirlpool_surplus_min: 100,
            whirlpool_surplus_max: 110_000,
            tx0_n_premix_max: 70,
            tx0_fee_share_min: 0.01,
            tx0_fee_share_max: 0.05,
            tx0_data_bytes_min: 64,
            wasabi1_coordinators: vec![
                "bc1qs604c7jv6amk4cxqlnvuxv26hv3e48cds4m0ew".to_owned(),
                "bc1qa24tsgchvuxsaccp8vrnkfd85hrcpafg20kmjw".to_owned(),
            ],
            wasabi1_coordinated_n_min: 3,
            wasabi1_n_min: 10,
            wasabi1_denomination: 10_000_000,
            wasabi1_denomination_slack: 2_000_000,
            wasabi1_n_unique_min: 2,
            wasabi2_n_inputs_min: 20,
            wasabi2_output_min: 5_000,
            wasabi2_n_denominations_min: 3,
            wasabi2_denominated_share_min: 0.5,
            wasabi2_top_address_share_max: 0.1,
            joinmarket_n_min: 3,
            joinmarket_dust: 2_730,
            joinmarket_large_n_inputs: 50,
            joinmarket_inputs_per_participant_max: 20.0,
            joinmarket_outputs_per_participant_min: 1.7,
            equal_output_min: 546,
            equal_input_margin_min: 10_000,
        }
    }
}

/// The rule.
pub struct CoinJoin {
    params: Params,
}

impl Rule for CoinJoin {
    type Params = Params;

    const META: &'static BuiltinMeta = &BuiltinMeta {
        id: "coinjoin",
        title: "CoinJoin",
        description: "The inputs and outputs have the structure of a Whirlpool mix or its tx0, a \
                      Wasabi 1 or 2 round, a JoinMarket mix, or another transaction of parties \
                      who each get an equal output. The last needs the input values, the others \
                      use them where they are known.",
        severity: Severity::Info,
        families: &[Family::Utxo],
        subject: "transaction",
        needs: &[],
        false_positives: &[
            "mixing is lawful privacy: it raises the risk of what follows, it proves nothing",
            "payouts to many new addresses from as many inputs",
            "sales of inscriptions, whose equal outputs look like a mix of two parties",
        ],
        references: &[
            "https://github.com/graphsense/graphsense-lib",
            "https://github.com/nopara73/Dumplings",
            "https://github.com/crocs-muni/coinjoin-analysis",
            "https://github.com/WalletWasabi/WalletWasabi",
            "https://github.com/JoinMarket-Org/joinmarket-clientserver",
        ],
    };

    fn new(params: Params) -> Self {
        Self { params }
    }

    fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let Some((tx, body)) = parties::utxo(scene) else { return };
        if !structure::is_possible(body) {
            return;
        }
        let Some(shape) = OutputShape::of(body) else { return };
        let value_of = |input: &TxIn| scene.state.resolve_input(input).map(|(value, _)| value);
        let Some(found) = structure::recognise(&self.params, body, &shape, &value_of) else {
            return;
        };
        let denomination = money::native_text(scene.chain, Amount::from_u64(found.denomination));
        let n_in = body.inputs.len();
        out.push(Finding {
            value: found.n_equal as f64,
            expected: Band::below(found.n_min as f64),
            unit: Cow::Borrowed("outputs"),
            explanation: explain(&found, &denomination, n_in, body.outputs.len()),
            quiet_if: quiet_if(&found, &denomination),
            refs: vec![format!("variant:{}", found.variant.as_str())],
            ..finding(Self::META, Subject::Tx(tx.id))
        });
    }
}

fn explain(found: &CoinJoinMatch, denomination: &str, n_in: usize, n_out: usize) -> String {
    let name = found.variant.as_str();
    let n = found.n_equal;
    match found.variant {
        Variant::Whirlpool => format!(
            "A Whirlpool mix ({name}): {n_in} inputs and {n} outputs, each of exactly the pool \
             size {denomination}."
        ),
        Variant::WhirlpoolTx0 => format!(
            "A Whirlpool entry ({name}): {n} premix outputs of {denomination} beside a data \
             carrier and the coordinator's fee, {n_out} outputs in all."
        ),
        Variant::Wasabi1 => format!(
            "A Wasabi 1 round ({name}): {n} equal outputs of {denomination} to different scripts \
             from {n_in} inputs, {n_out} outputs in all."
        ),
        Variant::Wasabi2 => format!(
            "A Wasabi 2 round ({name}): {n} of {n_out} outputs have standard denominations, most \
             often {denomination}, from {n_in} inputs."
        ),
        Variant::JoinMarket => format!(
            "A JoinMarket mix ({name}): {n} equal outputs of {denomination} and {} from {n_in} inputs.",
            money::count_text((n_out - n) as f64, "change output", "change outputs")
        ),
        Variant::EqualOutputs => format!(
            "Equal outputs as of a mix ({name}): {n} of {denomination} and {} from {n_in} \
             inputs of at least {n} scripts; a sale of inscriptions can look the same.",
            money::count_text((n_out - n) as f64, "other", "others")
        ),
    }
}

fn quiet_if(found: &CoinJoinMatch, denomination: &str) -> String {
    match found.variant {
        Variant::Whirlpool => format!("one output differed from {denomination}"),
        Variant::WhirlpoolTx0 => "there were no data carrier".to_owned(),
        Variant::Wasabi1 | Variant::JoinMarket | Variant::EqualOutputs => {
            format!("fewer than {} outputs were {denomination}", found.n_min)
        }
        Variant::Wasabi2 => {
            format!("fewer than {} outputs had standard denominations", found.n_min)
        }
    }
}
