//! What every model needs of a scene, and the parts of a finding that all models share.

use crate::{
    detect::{ModelMeta, Opinion, Scene, surprise::severity},
    feature::Features,
    model::{Band, Body, DetectorId, Finding, Subject, Tx, TxBody},
};
use std::borrow::Cow;

/// Returns the transaction and its features, when the scene is about one.
pub fn tx_of<'a>(scene: &Scene<'a>) -> Option<(&'a Tx, &'a Features)> {
    match &scene.event.body {
        Body::Tx(tx) => Some((tx, scene.features?)),
        _ => None,
    }
}

/// Returns what a model's finding is about: the receiver (EVM, tokens too; the creator where a
/// contract is created), or the transaction (UTXO, where no single account stands for it).
pub fn subject(scene: &Scene<'_>) -> Subject {
    match &scene.event.body {
        Body::Tx(tx) => match &tx.body {
            TxBody::Evm(body) => {
                Subject::Account(body.to.clone().unwrap_or_else(|| body.from.clone()))
            }
            TxBody::Utxo(_) => Subject::Tx(tx.id),
        },
        Body::Transfer(transfer) => Subject::Account(transfer.to.clone()),
        _ => Subject::Chain,
    }
}

/// The unit of values in tokens, which have no price and often no known decimals.
pub const TYPICAL_UNIT: &str = "times what is typical of the token";

/// Returns the unit in which an event's features tell values.
pub fn unit<'a>(scene: &Scene<'a>) -> &'a str {
    match &scene.event.body {
        Body::Transfer(_) => TYPICAL_UNIT,
        _ => &scene.chain.native.symbol,
    }
}

/// Writes the subject as it appears in a sentence.
pub fn name(subject: &Subject) -> String {
    match subject {
        Subject::Account(address) => address.to_string(),
        Subject::Tx(id) => format!("transaction {id}"),
        Subject::OutPoint(o) => format!("output {}:{}", o.tx, o.index),
        Subject::Block(height, _) => format!("block {height}"),
        Subject::Chain => "the chain".to_owned(),
    }
}

/// Returns the finding of an opinion whose value was to stay below `expected`, to be completed with
/// its sentences.
pub fn finding(
    meta: &'static ModelMeta,
    scene: &Scene<'_>,
    opinion: &Opinion,
    expected: f64,
) -> Finding {
    Finding {
        detector: DetectorId::new(meta.id),
        kind: meta.kind,
        severity: severity(opinion.surprise),
        subject: subject(scene),
        value: opinion.value,
        expected: Band::below(expected),
        unit: Cow::Borrowed(meta.unit),
        explanation: String::new(),
        quiet_if: String::new(),
        refs: Vec::new(),
        surprise: opinion.surprise,
    }
}

/// Writes how often a surprise comes by chance: "1 in 12,000".
pub fn odds(surprise: f64) -> String {
    let n = libm::exp10(surprise.min(15.0));
    let digits = format!("{:.0}", n.max(1.0));
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (idx, digit) in digits.chars().enumerate() {
        if idx > 0 && (digits.len() - idx).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    format!("1 in {text}")
}

#[cfg(test)]
mod tests {
    use super::odds;

    #[test]
    fn odds_are_grouped_by_thousands() {
        assert_eq!(odds(0.0), "1 in 1");
        assert_eq!(odds(3.0), "1 in 1,000");
        assert_eq!(odds(6.0), "1 in 1,000,000");
    }
}
