//! What a replay came to: one JSON object for programs, a few lines for people.

use super::fold::WrittenCounts;
use crate::engine::Engine;
use serde::Serialize;
use std::{collections::BTreeMap, fmt::Write};

/// The summary; exactly these fields are promised.
#[derive(Debug, Default, Serialize)]
pub(super) struct Summary {
    records: u64,
    /// Parts of records that became at least one event.
    decoded: u64,
    transactions: u64,
    skipped: BTreeMap<String, u64>,
    dead_letters: BTreeMap<String, u64>,
    /// Distinct alerts.
    alerts: u64,
    /// Revisions of alerts beyond the first.
    revisions: u64,
    alerts_by_detector: BTreeMap<String, u64>,
    alerts_by_severity: BTreeMap<String, u64>,
    /// Ids of enabled rules that miss data, sorted.
    not_evaluable: Vec<&'static str>,
    seconds: f64,
    /// That blocks went unverified, for people.
    #[serde(skip)]
    unverified: Option<String>,
}

impl Summary {
    /// Collects the counts of engines after their last records.
    pub(super) fn of(engines: &[&Engine], counts: &WrittenCounts, seconds: f64) -> Self {
        let mut all = engines.iter().map(|engine| Self::new(engine, counts, seconds));
        let Some(mut sum) = all.next() else {
            return Self { alerts: counts.n_alerts, seconds, ..Self::default() };
        };
        for one in all {
            sum.records += one.records;
            sum.decoded += one.decoded;
            sum.transactions += one.transactions;
            for (to, from) in [
                (&mut sum.skipped, one.skipped),
                (&mut sum.dead_letters, one.dead_letters),
                (&mut sum.alerts_by_detector, one.alerts_by_detector),
                (&mut sum.alerts_by_severity, one.alerts_by_severity),
            ] {
                from.into_iter().for_each(|(name, n)| *to.entry(name).or_default() += n);
            }
            sum.not_evaluable.extend(one.not_evaluable);
            sum.not_evaluable.sort_unstable();
            sum.not_evaluable.dedup();
            sum.unverified = sum.unverified.or(one.unverified);
        }
        sum
    }

    /// Collects the counts of an engine after its last record.
    fn new(engine: &Engine, counts: &WrittenCounts, seconds: f64) -> Self {
        let stats = engine.stats();
        let mut not_evaluable: Vec<_> =
            engine.not_evaluable().into_iter().map(|(rule, _)| rule).collect();
        not_evaluable.sort_unstable();
        not_evaluable.dedup();
        Self {
            records: stats.n_records,
            decoded: stats.n_decoded,
            transactions: stats.n_transactions,
            skipped: stats.skipped.clone(),
            dead_letters: stats.dead_letters.clone(),
            alerts: counts.n_alerts,
            revisions: counts.n_revisions,
            alerts_by_detector: stats.alerts_by_detector.clone(),
            alerts_by_severity: stats.alerts_by_severity.clone(),
            not_evaluable,
            seconds,
            unverified: engine.unverified(),
        }
    }

    /// Writes the summary for people.
    pub(super) fn for_people(&self) -> String {
        let mut text = format!(
            "{} records in {:.2} s ({:.0}/s): {} decoded, {} transactions, {} skipped, {} dead \
             letters\n{} {}, {} {}",
            self.records,
            self.seconds,
            self.records as f64 / self.seconds.max(1e-9),
            self.decoded,
            self.transactions,
            self.skipped.values().sum::<u64>(),
            self.dead_letters.values().sum::<u64>(),
            self.alerts,
            if self.alerts == 1 { "alert" } else { "alerts" },
            self.revisions,
            if self.revisions == 1 { "revision" } else { "revisions" },
        );
        for (title, counts) in [
            ("skipped", &self.skipped),
            ("dead letters", &self.dead_letters),
            ("by severity", &self.alerts_by_severity),
            ("by detector", &self.alerts_by_detector),
        ] {
            if !counts.is_empty() {
                let list: Vec<_> = counts.iter().map(|(name, n)| format!("{name} {n}")).collect();
                // Writing to a string cannot fail.
                let _ = write!(text, "\n  {title}: {}", list.join(", "));
            }
        }
        if !self.not_evaluable.is_empty() {
            let _ = write!(
                text,
                "\n  not evaluable for want of data (see `txwarden rules list`): {}",
                self.not_evaluable.join(", ")
            );
        }
        if let Some(unverified) = &self.unverified {
            let _ = write!(text, "\n  {unverified}");
        }
        text
    }
}
