//! `batch_disperse`: one transaction pays many.

use super::moves;
use crate::{
    detect::{
        BuiltinMeta, Need, Rule, Scene,
        rules::{finding, money, parties},
    },
    model::{
        Address, Band, Body, EventTime, Family, Finding, LabelKind, Severity, Subject, Transfer,
        TxId,
    },
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `disperseEther(address[],uint256[])` and `multisendEther(address[],uint256[])`: their calldata
/// is the selector, two offsets, two lengths and two words a recipient.
const DISPERSE_SELECTORS: [[u8; 4]; 2] = [[0xe6, 0x3d, 0x38, 0xed], [0xab, 0x88, 0x3d, 0x28]];
const DISPERSE_HEAD_BYTES: u32 = 4 + 4 * 32;
const DISPERSE_RECIPIENT_BYTES: u32 = 2 * 32;

/// Parameters of [`BatchDisperse`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Transfers of one token by one account in one transaction. Published default (Forta): 8.
    #[schemars(range(min = 2, max = 64), extend("x-unit" = "transfers"))]
    pub n_min: u32,
    /// Least native value of a call that disperses the native asset, in whole units. Published
    /// default (Forta): 1.
    #[schemars(range(min = 0.0, max = 1e15), extend("x-unit" = "whole units"))]
    pub native_min: f64,
    /// Quiet when the payer carries one of these labels. Default: exchange, bridge, defi.
    #[schemars(length(max = 16))]
    pub ignore_labels: Vec<LabelKind>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            n_min: 8,
            native_min: 1.0,
            ignore_labels: vec![LabelKind::Exchange, LabelKind::Bridge, LabelKind::Defi],
        }
    }
}

/// The rule.
pub struct BatchDisperse {
    params: Params,
}

impl Rule for BatchDisperse {
    type Params = Params;

    const META: &'static BuiltinMeta = &BuiltinMeta {
        id: "batch_disperse",
        title: "Batch payment",
        description: "One account makes at least 8 transfers of one token in one transaction, or a \
                      call of a disperse contract shares out at least 1 of the native asset among \
                      at least 8. Context for other alerts: airdrops and payrolls look the same. \
                      Fires at the eighth transfer. Not for UTXO chains, where every exchange pays \
                      in batches.",
        severity: Severity::Info,
        families: &[Family::Evm],
        subject: "transaction",
        needs: &[Need::Logs],
        false_positives: &["airdrops, payrolls, mining payouts"],
        references: &["https://github.com/forta-network/starter-kits", "https://disperse.app/"],
    };

    fn new(params: Params) -> Self {
        Self { params }
    }

    fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        let found = match &scene.event.body {
            Body::Tx(_) => self.native(scene),
            Body::Transfer(transfer) => self.token(scene, transfer),
            _ => None,
        };
        let Some(found) = found else { return };
        if parties::is_labelled(scene, found.payer, &self.params.ignore_labels) {
            return;
        }
        let n_min = self.params.n_min;
        out.push(Finding {
            value: f64::from(found.n),
            expected: Band::below(f64::from(n_min)),
            unit: "recipients".into(),
            explanation: format!(
                "{} pays {} in one transaction, {} of them so far.",
                found.payer, found.what, found.n
            ),
            quiet_if: format!("the transaction paid fewer than {n_min}"),
            refs: vec![format!("account:{}", found.payer)],
            ..finding(Self::META, Subject::Tx(found.tx))
        });
    }
}

/// A batch and who pays it.
struct PaidBatch<'a> {
    tx: TxId,
    payer: &'a Address,
    n: u32,
    what: String,
}

impl BatchDisperse {
    /// Returns the batch that a call of a disperse contract shares out.
    fn native<'a>(&self, scene: &Scene<'a>) -> Option<PaidBatch<'a>> {
        let (tx, body) = parties::evm(scene)?;
        let selector = body.input.selector.filter(|s| DISPERSE_SELECTORS.contains(s))?;
        let n = body.input.n_bytes.saturating_sub(DISPERSE_HEAD_BYTES) / DISPERSE_RECIPIENT_BYTES;
        let is_large = money::native_units(scene.chain, body.value) >= self.params.native_min;
        (is_large && n >= self.params.n_min && !tx.is_failed()).then(|| PaidBatch {
            tx: tx.id,
            payer: &body.from,
            n,
            what: format!(
                "{} to many (selector 0x{:08x})",
                money::native_text(scene.chain, body.value),
                u32::from_be_bytes(selector)
            ),
        })
    }

    /// Returns the batch whose eighth transfer this is.
    fn token<'a>(&self, scene: &Scene<'a>, transfer: &'a Transfer) -> Option<PaidBatch<'a>> {
        let (tx, token) = (transfer.tx?, transfer.token.as_ref()?);
        let n_logs = scene.state.tx_logs(&tx)?.n_transfers + 1;
        if n_logs < self.params.n_min || transfer.from == Address::EVM_ZERO {
            return None;
        }
        let tx_prefix = tx.0.first_chunk().map(|b| u64::from_be_bytes(*b))?;
        let payer = scene.state.key(&transfer.from);
        let since = scene.event.time.plus(-EventTime::HOUR);
        let n_before = moves::recent(scene.state.sent(payer), Some(scene.state.key(token)), since)
            .take_while(|m| m.tx_prefix == tx_prefix)
            .count();
        // Exactly at the eighth, so that an airdrop to thousands fires once.
        (n_before + 1 == self.params.n_min as usize).then(|| PaidBatch {
            tx,
            payer: &transfer.from,
            n: self.params.n_min,
            what: format!("many with token {token}"),
        })
    }
}
