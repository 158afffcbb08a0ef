//! The observer of `run` and `demo`: turns what the workers tell into metrics and readiness.

mod series;

use super::reload::ReloadOutcome;
use crate::{
    decode::Wrapping,
    engine::{Engine, EngineError, Setup, Stats},
    kafka::ReadObserver,
    ops::{
        http::Shared,
        metrics::{Metric, Metrics},
        trouble::{Trouble, TroubleBoard, TroubleKind},
    },
    pipeline::{InputSetup, Observer, PartitionPhase, RestoreOutcome, route},
    store,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// Feeds the metrics.
pub(in crate::cli) struct Exporter {
    metrics: Arc<Metrics>,
    is_ready: Arc<AtomicBool>,
    board: Arc<TroubleBoard>,
    /// Nothing is judged in this process.
    is_route_alone: bool,
    /// One entry a partition of the configured topics.
    partitions: Mutex<BTreeMap<(String, i32), ObservedPartition>>,
    /// The configuration's hash in force, by chain.
    configs: Mutex<BTreeMap<Arc<str>, String>>,
    /// What records are wrapped in, by configured topic.
    envelopes: Mutex<BTreeMap<String, Wrapping>>,
}

/// What is known of a partition that is ours.
#[derive(Debug, Default)]
struct ObservedPartition {
    is_rebuilding: bool,
    /// The counts that the counters already contain; absent right after the takeover.
    counted: Option<Stats>,
    /// The same of the ledger: offset holes, and gaps that were closed.
    ledgered: [u64; 2],
    /// CAIP-2; empty before the first batch.
    chain: Arc<str>,
    /// Rules that miss data.
    missing: BTreeSet<&'static str>,
}

impl Exporter {
    /// Makes an observer that has seen nothing; every series that is known already starts.
    ///
    /// # Errors
    /// When a rule's or model's parameters are wrong.
    pub(in crate::cli) fn new(shared: &Shared, inputs: &[InputSetup]) -> Result<Self, EngineError> {
        let Shared { metrics, is_ready, board, .. } = shared.clone();
        series::start(&metrics);
        for input in inputs {
            series::start_partition(&metrics, &input.topic, 0);
        }
        let partitions = Mutex::new(BTreeMap::new());
        let (configs, envelopes) = (Mutex::default(), Mutex::default());
        let is_route_alone = inputs.is_empty();
        let exporter =
            Self { metrics, is_ready, board, is_route_alone, partitions, configs, envelopes };
        for input in inputs {
            exporter.envelope(&input.topic, &input.settings.envelope.wrapping);
        }
        let setups: Vec<_> = inputs.iter().map(|input| &input.setup).collect();
        exporter.reconfigured(&setups)?;
        Ok(exporter)
    }

    /// Describes the settings in force.
    ///
    /// # Errors
    /// When a rule's or model's parameters are wrong.
    pub(in crate::cli) fn reconfigured(&self, setups: &[&Setup]) -> Result<(), EngineError> {
        let mut described = BTreeSet::new();
        let mut configs = self.configs.lock().unwrap_or_else(PoisonError::into_inner);
        for setup in setups {
            let (chain, hash) = (&setup.chain.id, &setup.config_hash);
            if !described.insert(chain) {
                continue;
            }
            if let Some(before) = configs.insert(Arc::clone(chain), hash.clone()) {
                self.metrics.remove(Metric::ConfigInfo, &[chain, &before]);
            }
            series::describe(&self.metrics, setup)?;
        }
        Ok(())
    }

    /// Counts a reload.
    pub(in crate::cli) fn reloaded(&self, outcome: ReloadOutcome) {
        self.metrics.add(Metric::Reloads, &[outcome.as_str()], 1);
    }

    /// Says in the metrics what `/readyz` says.
    fn show_ready(&self) {
        let is_ready = self.is_ready.load(Ordering::Acquire) && !self.board.is_fatal();
        self.metrics.set(Metric::Ready, &[], f64::from(u8::from(is_ready)));
    }

    /// Adds what has been counted since the last time.
    fn count(&self, now: &Stats, before: &Stats) {
        let add = |metric, now: u64, before: u64| {
            self.metrics.add(metric, &[], now.saturating_sub(before));
        };
        add(Metric::Parts, now.n_parts, before.n_parts);
        add(Metric::DecodedParts, now.n_decoded, before.n_decoded);
        add(Metric::Events, now.n_events, before.n_events);
        add(Metric::Transactions, now.n_transactions, before.n_transactions);
        add(Metric::LateEvents, now.n_late, before.n_late);
        add(Metric::Revisions, now.n_revisions, before.n_revisions);
        add(Metric::Observations, now.n_observations, before.n_observations);
        add(Metric::Reorgs, now.n_reorgs, before.n_reorgs);
        add(Metric::Gaps, now.n_gaps, before.n_gaps);
        add(Metric::EvictedAccounts, now.n_evicted_accounts, before.n_evicted_accounts);
        add(Metric::Fits, now.n_fits, before.n_fits);
        for (metric, now, before) in [
            (Metric::Skipped, &now.skipped, &before.skipped),
            (Metric::DeadLetters, &now.dead_letters, &before.dead_letters),
            (Metric::ChecksFailed, &now.checks_failed, &before.checks_failed),
            (Metric::Findings, &now.findings, &before.findings),
            (Metric::Alerts, &now.alerts_by_detector, &before.alerts_by_detector),
            (Metric::AlertsBySeverity, &now.alerts_by_severity, &before.alerts_by_severity),
            (Metric::AlertsByStatus, &now.alerts_by_status, &before.alerts_by_status),
            (Metric::Conflicts, &now.conflicts, &before.conflicts),
            (Metric::Suppressed, &now.suppressed, &before.suppressed),
            (Metric::Verdicts, &now.verdicts, &before.verdicts),
        ] {
            for (label, n) in now {
                let n_before = before.get(label).copied().unwrap_or_default();
                self.metrics.add(metric, &[label], n.saturating_sub(n_before));
            }
        }
    }
}

impl Observer for Exporter {
    fn phase(&self, topic: &str, partition: i32, phase: PartitionPhase) {
        let number = partition.to_string();
        let labels = [topic, number.as_str()];
        let set = |metric, value| self.metrics.set(metric, &labels, value);
        set(Metric::Paused, f64::from(u8::from(phase == PartitionPhase::Paused)));
        set(Metric::Live, f64::from(u8::from(phase == PartitionPhase::Live)));
        set(
            Metric::RebuildProgress,
            match phase {
                PartitionPhase::Rebuilding { done, total } if total > 0 => {
                    done as f64 / total as f64
                }
                PartitionPhase::Released => 0.0,
                _ => 1.0,
            },
        );
        let mut partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        let at = (topic.to_owned(), partition);
        if phase == PartitionPhase::Released {
            partitions.remove(&at);
        } else {
            partitions.entry(at).or_default().is_rebuilding =
                matches!(phase, PartitionPhase::Rebuilding { .. });
        }
        let is_ready = !partitions.is_empty() && partitions.values().all(|p| !p.is_rebuilding);
        self.metrics.set(Metric::Partitions, &[], partitions.len() as f64);
        self.is_ready.store(is_ready, Ordering::Release);
        self.show_ready();
    }

    fn batch(&self, n_records: usize, n_bytes: usize) {
        self.metrics.add(Metric::Records, &[], n_records as u64);
        self.metrics.add(Metric::RecordBytes, &[], n_bytes as u64);
        self.metrics.add(Metric::Batches, &[], 1);
        self.metrics.observe(Metric::BatchRecords, &[], n_records as f64);
    }

    fn committed(&self, n_alerts: usize, n_dead_letters: usize, seconds: f64) {
        self.metrics.add(Metric::Commits, &[], 1);
        self.metrics.add(Metric::EmittedAlerts, &[], n_alerts as u64);
        self.metrics.add(Metric::EmittedDeadLetters, &[], n_dead_letters as u64);
        self.metrics.observe(Metric::CommitSeconds, &[], seconds);
    }

    fn emitted(&self, latency_ms: i64) {
        self.metrics.observe(Metric::LatencySeconds, &[], latency_ms.max(0) as f64 / 1_000.0);
    }

    fn envelope(&self, topic: &str, wrapping: &Wrapping) {
        let mut known = self.envelopes.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.get(topic);
        // Some partitions may not know yet what others have decided.
        if before == Some(wrapping) || (before.is_some() && *wrapping == Wrapping::Auto) {
            return;
        }
        if let Some(before) = known.insert(topic.to_owned(), wrapping.clone()) {
            self.metrics.remove(Metric::InputEnvelope, &[topic, &before.to_string()]);
        }
        self.metrics.set(Metric::InputEnvelope, &[topic, &wrapping.to_string()], 1.0);
    }

    fn engine(&self, topic: &str, partition: i32, engine: &Engine) {
        let (stats, triage) = (engine.stats(), engine.triage());
        let number = partition.to_string();
        let set = |metric, value| self.metrics.set(metric, &[topic, &number], value);
        set(Metric::Accounts, engine.state().n_accounts() as f64);
        set(Metric::PendingAlerts, triage.n_pending() as f64);
        set(Metric::OpenAlerts, triage.n_open() as f64);
        set(Metric::ScoreThreshold, triage.p_threshold());
        set(Metric::BudgetFill, triage.budget_fill());
        set(Metric::ModelAge, stats.n_records.saturating_sub(stats.fitted_at) as f64);
        set(Metric::EventTime, stats.event_time_ms as f64 / 1_000.0);
        set(Metric::TipHeight, stats.tip_height as f64);
        set(Metric::MissingHeights, engine.ledger().n_missing() as f64);
        let mut partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        let known = partitions.entry((topic.to_owned(), partition)).or_default();
        let ledgered = [engine.ledger().n_holes(), engine.ledger().n_closed()];
        // What a rebuild folds again was counted when it was first answered.
        if !known.is_rebuilding {
            let nothing = Stats::default();
            self.count(stats, known.counted.as_ref().unwrap_or(&nothing));
            let add = |metric, now: u64, before| {
                self.metrics.add(metric, &[], now.saturating_sub(before));
            };
            add(Metric::OffsetHoles, ledgered[0], known.ledgered[0]);
            add(Metric::ClosedGaps, ledgered[1], known.ledgered[1]);
        }
        known.ledgered = ledgered;
        known.counted = Some(stats.clone());
        known.chain = Arc::clone(&engine.chain().id);
        let missing: BTreeSet<_> = engine.not_evaluable().into_iter().map(|(id, _)| id).collect();
        // A rule's data may have begun to arrive, in this partition or in another of the chain.
        let changed = std::mem::replace(&mut known.missing, missing.clone());
        for rule in changed.union(&missing) {
            let is_missing = partitions
                .values()
                .any(|p| p.chain == engine.chain().id && p.missing.contains(rule));
            let labels = [&*engine.chain().id, rule];
            self.metrics.set(Metric::NotEvaluable, &labels, f64::from(u8::from(is_missing)));
        }
    }

    fn snapshot(&self, topic: &str, partition: i32, report: &store::SnapshotReport) {
        self.metrics.add(Metric::Snapshots, &[report.outcome.as_str()], 1);
        if report.outcome == store::PublishOutcome::Published {
            let number = partition.to_string();
            let set = |metric, value| self.metrics.set(metric, &[topic, &number], value);
            self.metrics.observe(Metric::SnapshotSeconds, &[], report.seconds);
            set(Metric::SnapshotBytes, report.n_bytes as f64);
            set(Metric::SnapshotTime, report.taken_ms as f64 / 1_000.0);
        }
    }

    fn checkpoint(&self, topic: &str, partition: i32, at_ms: i64) {
        self.metrics.add(Metric::Checkpoints, &[], 1);
        let labels = [topic, &partition.to_string()];
        self.metrics.set(Metric::LastCheckpoint, &labels, at_ms as f64 / 1_000.0);
    }

    fn restored(&self, _: &str, _: i32, outcome: RestoreOutcome) {
        self.metrics.add(Metric::Restores, &[outcome.as_str()], 1);
    }

    fn chain_partitions(&self, chain: &str, n: usize) {
        self.metrics.set(Metric::ChainPartitions, &[chain], n as f64);
    }

    fn bad_verdict(&self) {
        self.metrics.add(Metric::BadVerdicts, &[], 1);
    }
}

impl route::RouteObserver for Exporter {
    fn routed(&self, output: &str, counts: crate::order::MergeCounts, n_held: usize) {
        self.metrics.add(Metric::RoutedRecords, &[output], counts.n_released);
        self.metrics.add(Metric::RoutedLate, &[output], counts.n_late);
        self.metrics.add(Metric::RoutedEarly, &[output], counts.n_forced);
        self.metrics.set(Metric::RouteHeld, &[output], n_held as f64);
    }

    fn settled(&self) {
        // Beside detection that is not the whole truth.
        if self.is_route_alone {
            self.is_ready.store(true, Ordering::Release);
            self.show_ready();
        }
    }
}

impl ReadObserver for Exporter {
    fn trouble(&self, topic: &str, partition: i32, kind: TroubleKind, trouble: Option<&Trouble>) {
        self.board.set(topic, partition, kind, trouble);
        let labels = [topic, &partition.to_string(), kind.as_str()];
        self.metrics.set(Metric::Trouble, &labels, f64::from(u8::from(trouble.is_some())));
        self.show_ready();
    }

    fn consumer_lag(&self, topic: &str, partition: i32, n_offsets: i64) {
        self.metrics.set(Metric::Lag, &[topic, &partition.to_string()], n_offsets as f64);
    }

    fn producer_restarted(&self) {
        self.metrics.add(Metric::ProducerRestarts, &[], 1);
    }

    fn client_error(&self) {
        self.metrics.add(Metric::ClientErrors, &[], 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Config, model::Chain};
    use std::path::Path;

    fn setup(budget: u32) -> Setup {
        let text = format!("version: 1\ntriage: {{ budget_per_day: {budget} }}\n");
        let config = Config::parse("f", Path::new("."), &text, &|_| None).unwrap();
        config.engine_setup(&Chain::parse(Chain::ETHEREUM).unwrap())
    }

    #[test]
    fn one_series_tells_of_the_settings_in_force() {
        let shared = Shared::new().unwrap();
        let exporter = Exporter::new(&shared, &[]).unwrap();
        let mut hashes = BTreeSet::new();
        for budget in [10, 20, 30, 30, 10] {
            let setup = setup(budget);
            exporter.reconfigured(&[&setup]).unwrap();
            let text = shared.metrics.encode().unwrap();
            let is_series = |line: &&str| line.starts_with("txwarden_config_info{");
            let series: Vec<&str> = text.lines().filter(is_series).collect();
            let hash = format!("hash=\"{}\"", setup.config_hash);
            assert!(matches!(series[..], [one] if one.contains(&hash) && one.ends_with(" 1")));
            hashes.insert(setup.config_hash);
        }
        assert_eq!(hashes.len(), 3);
    }
}
