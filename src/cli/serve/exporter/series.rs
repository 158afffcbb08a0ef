//! The series that are known before anything happens, so that no dashboard shows a gap for a zero.

use crate::{
    cli::serve::reload::ReloadOutcome,
    decode::{Reason, Refuted, SkipReason},
    detect::{models, rules},
    engine::{Engine, EngineError, Setup},
    model::{ConflictKind, Judgement, Severity, Status},
    ops::{
        metrics::{Metric, Metrics},
        trouble::TroubleKind,
    },
    pipeline::RestoreOutcome,
    store,
    triage::Suppression,
};

/// Starts every series whose labels come from closed lists.
pub(super) fn start(metrics: &Metrics) {
    metrics.set(Metric::BuildInfo, &[env!("CARGO_PKG_VERSION")], 1.0);
    for reason in Reason::ALL {
        metrics.start(Metric::DeadLetters, &[reason.as_str()]);
    }
    for check in Refuted::ALL {
        metrics.start(Metric::ChecksFailed, &[check.as_str()]);
    }
    for reason in SkipReason::ALL {
        metrics.start(Metric::Skipped, &[reason.as_str()]);
    }
    for severity in Severity::ALL {
        metrics.start(Metric::AlertsBySeverity, &[severity.as_str()]);
    }
    let rules = rules::TABLE.iter().map(|e| e.meta.id);
    for detector in rules.chain(models::TABLE.iter().map(|e| e.meta.id)) {
        metrics.start(Metric::Findings, &[detector]);
        metrics.start(Metric::Alerts, &[detector]);
    }
    for outcome in RestoreOutcome::ALL {
        metrics.start(Metric::Restores, &[outcome.as_str()]);
    }
    for outcome in store::PublishOutcome::ALL {
        metrics.start(Metric::Snapshots, &[outcome.as_str()]);
    }
    for suppression in Suppression::ALL {
        metrics.start(Metric::Suppressed, &[suppression.as_str()]);
    }
    for judgement in Judgement::ALL {
        metrics.start(Metric::Verdicts, &[judgement.as_str()]);
    }
    for outcome in ReloadOutcome::ALL {
        metrics.start(Metric::Reloads, &[outcome.as_str()]);
    }
    for kind in ConflictKind::ALL {
        metrics.start(Metric::Conflicts, &[kind.as_str()]);
    }
    for status in Status::ALL {
        metrics.start(Metric::AlertsByStatus, &[status.as_str()]);
    }
}

/// Starts the series of a partition before it is assigned; not those whose zero is an alarm.
pub(super) fn start_partition(metrics: &Metrics, topic: &str, partition: i32) {
    let number = partition.to_string();
    for metric in [
        Metric::Lag,
        Metric::Paused,
        Metric::Live,
        Metric::RebuildProgress,
        Metric::EventTime,
        Metric::TipHeight,
        Metric::Accounts,
        Metric::OpenAlerts,
        Metric::ModelAge,
    ] {
        metrics.start(metric, &[topic, &number]);
    }
    for kind in TroubleKind::ALL {
        metrics.start(Metric::Trouble, &[topic, &number, kind.as_str()]);
    }
}

/// Sets what follows from a chain's setup alone.
///
/// # Errors
/// When a rule's or model's parameters are wrong.
pub(super) fn describe(metrics: &Metrics, setup: &Setup) -> Result<(), EngineError> {
    let (chain, reference) = (&setup.chain, &setup.reference);
    metrics.set(Metric::ConfigInfo, &[&chain.id, &setup.config_hash], 1.0);
    metrics.set(Metric::Labels, &[&chain.id], reference.labels.len() as f64);
    metrics.set(Metric::Watched, &[&chain.id], reference.watch.len() as f64);
    metrics.set(Metric::Prices, &[&chain.id], reference.prices.len() as f64);
    let mut n_enabled = 0;
    let detect = &setup.params.detect;
    for meta in detect.registry.iter().map(|rule| &rule.meta) {
        let is_enabled = detect.rules.get(meta.id.as_str()).is_none_or(|m| m.enabled)
            && meta.families.contains(&chain.family);
        n_enabled += usize::from(is_enabled);
        metrics.set(Metric::NotEvaluable, &[&chain.id, meta.id.as_str()], 0.0);
    }
    metrics.set(Metric::RulesEnabled, &[&chain.id], n_enabled as f64);
    for (rule, need) in Engine::new(setup.clone())?.not_evaluable() {
        let missing = crate::cli::rules::need_text(need);
        tracing::info!(chain = %chain, rule, missing, "rule is not evaluable yet");
        metrics.set(Metric::NotEvaluable, &[&chain.id, rule], 1.0);
    }
    Ok(())
}
