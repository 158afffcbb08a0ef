//! What rules share when they put a finding together, and what a chain must have for them.

use super::BuiltinMeta;
use crate::{
    detect::Need,
    model::{Address, Band, Chain, DetectorId, DetectorKind, Finding, Reference, Subject},
};
use std::borrow::Cow;

/// The most refs a finding carries: an alert is read by people.
pub const REFS_MAX: usize = 16;

/// Returns the first of a rule's needs that the reference data of a chain does not meet.
///
/// Only needs that reference data decides: whether logs and outcomes arrive, the input tells.
pub fn missing(needs: &[Need], chain: &Chain, reference: &Reference) -> Option<Need> {
    needs.iter().copied().find(|need| match need {
        Need::NativePrice => !has_price(chain, reference),
        Need::WatchList => !reference.watch.keys().any(|address| may_be_on(chain, address)),
        Need::Labels(kind) => {
            let mut here = reference.labels.iter().filter(|(address, _)| may_be_on(chain, address));
            !here.any(|(_, labels)| labels.iter().any(|label| label.kind == *kind))
        }
        // The input tells of the first two, a rule with its parameters of the others.
        _ => false,
    })
}

/// Returns whether an address can be one of a chain's: a list of another chain's labels nobody.
fn may_be_on(chain: &Chain, address: &Address) -> bool {
    match chain.id.split(':').next() {
        Some("eip155") => matches!(address, Address::Evm(_)),
        Some("bip122" | "solana" | "xrpl") => matches!(address, Address::Text(_)),
        _ => true,
    }
}

/// Returns whether the native asset of a chain has a price at any time.
pub fn has_price(chain: &Chain, reference: &Reference) -> bool {
    reference.prices.get(&*chain.native.symbol).is_some_and(|prices| !prices.is_empty())
}

/// Returns a finding of a rule, to be completed with what was measured.
pub fn finding(meta: &BuiltinMeta, subject: Subject) -> Finding {
    Finding {
        detector: DetectorId::new(meta.id),
        kind: DetectorKind::Rule,
        severity: meta.severity,
        subject,
        value: 0.0,
        expected: Band::default(),
        unit: Cow::Borrowed(""),
        explanation: String::new(),
        quiet_if: String::new(),
        refs: Vec::new(),
        surprise: 0.0,
    }
}

/// Returns the first [`REFS_MAX`] refs.
pub fn bounded(refs: impl IntoIterator<Item = String>) -> Vec<String> {
    refs.into_iter().take(REFS_MAX).collect()
}
