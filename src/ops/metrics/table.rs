//! The metric table.

/// What a metric measures over time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    Counter,
    Gauge,
    /// With the upper bounds of its buckets.
    Histogram(&'static [f64]),
}

impl Kind {
    /// Returns Prometheus' name of the kind.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// A line of the metric table.
#[derive(Debug)]
pub struct Def {
    pub id: Metric,
    /// Without the namespace.
    pub name: &'static str,
    pub kind: Kind,
    /// Every value comes from a closed list or from the configuration, never from data.
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

/// From a tenth of a transaction's cost to a stuck broker.
const SECONDS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// Up to the largest default batch and one step beyond.
const COUNTS: &[f64] = &[1.0, 10.0, 100.0, 1_000.0, 2_500.0, 5_000.0, 10_000.0, 100_000.0];

/// The metrics, in the order of [`TABLE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    Records,
    RecordBytes,
    Parts,
    DecodedParts,
    Events,
    Transactions,
    LateEvents,
    Skipped,
    DeadLetters,
    Findings,
    Alerts,
    AlertsBySeverity,
    AlertsByStatus,
    Revisions,
    Suppressed,
    Reorgs,
    Gaps,
    EvictedAccounts,
    Fits,
    Batches,
    BatchRecords,
    Commits,
    CommitSeconds,
    EmittedAlerts,
    EmittedDeadLetters,
    LatencySeconds,
    ProducerRestarts,
    ClientErrors,
    Lag,
    Paused,
    Live,
    RebuildProgress,
    EventTime,
    TipHeight,
    Accounts,
    OpenAlerts,
    ScoreThreshold,
    BudgetFill,
    ModelAge,
    Snapshots,
    SnapshotSeconds,
    SnapshotBytes,
    SnapshotTime,
    Partitions,
    Ready,
    RulesEnabled,
    NotEvaluable,
    Labels,
    Watched,
    Prices,
    ConfigInfo,
    BuildInfo,
}

/// Every metric.
pub const TABLE: &[Def] = &[
    def(
        Metric::Records,
        "records_total",
        Kind::Counter,
        &[],
        "Input records folded, rebuilding included.",
    ),
    def(
        Metric::RecordBytes,
        "record_bytes_total",
        Kind::Counter,
        &[],
        "Bytes of input records folded.",
    ),
    def(
        Metric::Parts,
        "parts_total",
        Kind::Counter,
        &[],
        "Parts of records: a record, or an element of a batch.",
    ),
    def(
        Metric::DecodedParts,
        "decoded_parts_total",
        Kind::Counter,
        &[],
        "Parts that became at least one event.",
    ),
    def(Metric::Events, "events_total", Kind::Counter, &[], "Events decoded."),
    def(Metric::Transactions, "transactions_total", Kind::Counter, &[], "Transactions scored."),
    def(
        Metric::LateEvents,
        "late_events_total",
        Kind::Counter,
        &[],
        "Events behind the tip: scored and applied all the same.",
    ),
    def(
        Metric::Skipped,
        "skipped_parts_total",
        Kind::Counter,
        &["reason"],
        "Parts skipped on purpose.",
    ),
    def(
        Metric::DeadLetters,
        "dead_letters_total",
        Kind::Counter,
        &["reason"],
        "Parts that could not be decoded.",
    ),
    def(
        Metric::Findings,
        "findings_total",
        Kind::Counter,
        &["detector"],
        "Findings before triage.",
    ),
    def(
        Metric::Alerts,
        "alerts_total",
        Kind::Counter,
        &["detector"],
        "Alerts, without further revisions, by leading detector.",
    ),
    def(
        Metric::AlertsBySeverity,
        "alerts_by_severity_total",
        Kind::Counter,
        &["severity"],
        "Alerts, without further revisions, by severity.",
    ),
    def(
        Metric::AlertsByStatus,
        "alerts_by_status_total",
        Kind::Counter,
        &["status"],
        "Alerts, all revisions, by the status they carry.",
    ),
    def(
        Metric::Revisions,
        "alert_revisions_total",
        Kind::Counter,
        &[],
        "Revisions of alerts beyond the first.",
    ),
    def(
        Metric::Suppressed,
        "suppressed_findings_total",
        Kind::Counter,
        &["reason"],
        "Findings that triage held back.",
    ),
    def(Metric::Reorgs, "reorgs_total", Kind::Counter, &[], "Chain reorganisations."),
    def(
        Metric::Gaps,
        "block_gaps_total",
        Kind::Counter,
        &[],
        "Blocks that did not follow on the one before.",
    ),
    def(
        Metric::EvictedAccounts,
        "evicted_accounts_total",
        Kind::Counter,
        &[],
        "Accounts forgotten because memory was full.",
    ),
    def(Metric::Fits, "fits_total", Kind::Counter, &[], "Background fits of models taken over."),
    def(
        Metric::Batches,
        "batches_total",
        Kind::Counter,
        &[],
        "Batches ended, rebuilding included.",
    ),
    def(Metric::BatchRecords, "batch_records", Kind::Histogram(COUNTS), &[], "Records in a batch."),
    def(Metric::Commits, "commits_total", Kind::Counter, &[], "Kafka transactions committed."),
    def(
        Metric::CommitSeconds,
        "commit_seconds",
        Kind::Histogram(SECONDS),
        &[],
        "Time from the first send to the end of the commit.",
    ),
    def(
        Metric::EmittedAlerts,
        "emitted_alerts_total",
        Kind::Counter,
        &[],
        "Alerts committed to the alert topic, all revisions.",
    ),
    def(
        Metric::EmittedDeadLetters,
        "emitted_dead_letters_total",
        Kind::Counter,
        &[],
        "Dead letters committed to the dead-letter topic.",
    ),
    def(
        Metric::LatencySeconds,
        "alert_latency_seconds",
        Kind::Histogram(SECONDS),
        &[],
        "Time from a record's Kafka timestamp to its alert's commit.",
    ),
    def(
        Metric::ProducerRestarts,
        "producer_restarts_total",
        Kind::Counter,
        &[],
        "Producers given up after an error and replaced.",
    ),
    def(
        Metric::ClientErrors,
        "client_errors_total",
        Kind::Counter,
        &[],
        "Errors that a Kafka client recovered from.",
    ),
    def(
        Metric::Lag,
        "consumer_lag_records",
        Kind::Gauge,
        &["topic", "partition"],
        "Records between the engine and the end of the log.",
    ),
    def(
        Metric::Paused,
        "partition_paused",
        Kind::Gauge,
        &["topic", "partition"],
        "1 while the partition is stopped because format errors piled up.",
    ),
    def(
        Metric::Live,
        "partition_live",
        Kind::Gauge,
        &["topic", "partition"],
        "1 once the partition has caught up and emits alerts.",
    ),
    def(
        Metric::RebuildProgress,
        "rebuild_progress_ratio",
        Kind::Gauge,
        &["topic", "partition"],
        "How much of the state has been rebuilt after a takeover.",
    ),
    def(
        Metric::EventTime,
        "event_time_seconds",
        Kind::Gauge,
        &["topic", "partition"],
        "Event time of the newest event, since the epoch.",
    ),
    def(
        Metric::TipHeight,
        "tip_height_blocks",
        Kind::Gauge,
        &["topic", "partition"],
        "Height of the newest block.",
    ),
    def(Metric::Accounts, "accounts", Kind::Gauge, &["topic", "partition"], "Accounts remembered."),
    def(
        Metric::OpenAlerts,
        "open_alerts",
        Kind::Gauge,
        &["topic", "partition"],
        "Alerts that can still be revised or retracted.",
    ),
    def(
        Metric::ScoreThreshold,
        "score_p_threshold",
        Kind::Gauge,
        &["topic", "partition"],
        "Greatest p-value at which the models raise an alert now.",
    ),
    def(
        Metric::BudgetFill,
        "alert_budget_fill_ratio",
        Kind::Gauge,
        &["topic", "partition"],
        "Share of the models' alert budget that may be spent at once.",
    ),
    def(
        Metric::ModelAge,
        "model_age_records",
        Kind::Gauge,
        &["topic", "partition"],
        "Records since a background fit last took over.",
    ),
    def(
        Metric::Snapshots,
        "snapshots_total",
        Kind::Counter,
        &["outcome"],
        "Snapshots of engines by what became of them.",
    ),
    def(
        Metric::SnapshotSeconds,
        "snapshot_seconds",
        Kind::Histogram(SECONDS),
        &[],
        "Time to encode and write a snapshot, beside detection.",
    ),
    def(
        Metric::SnapshotBytes,
        "snapshot_bytes",
        Kind::Gauge,
        &["topic", "partition"],
        "Size of the newest snapshot.",
    ),
    def(
        Metric::SnapshotTime,
        "snapshot_timestamp_seconds",
        Kind::Gauge,
        &["topic", "partition"],
        "When the newest snapshot was taken, since the epoch.",
    ),
    def(
        Metric::Partitions,
        "assigned_partitions",
        Kind::Gauge,
        &[],
        "Partitions that this process owns.",
    ),
    def(Metric::Ready, "ready", Kind::Gauge, &[], "1 while /readyz says ready."),
    def(Metric::RulesEnabled, "rules_enabled", Kind::Gauge, &["chain"], "Rules that run."),
    def(
        Metric::NotEvaluable,
        "rule_not_evaluable",
        Kind::Gauge,
        &["chain", "rule"],
        "1 for an enabled rule that misses data and stays quiet.",
    ),
    def(Metric::Labels, "reference_labels", Kind::Gauge, &["chain"], "Labelled accounts loaded."),
    def(
        Metric::Watched,
        "reference_watched_accounts",
        Kind::Gauge,
        &["chain"],
        "Watched accounts loaded.",
    ),
    def(Metric::Prices, "reference_prices", Kind::Gauge, &["chain"], "Assets with a price table."),
    def(
        Metric::ConfigInfo,
        "config_info",
        Kind::Gauge,
        &["chain", "hash"],
        "Always 1; the hash is the one in alerts.",
    ),
    def(Metric::BuildInfo, "build_info", Kind::Gauge, &["version"], "Always 1."),
];

const fn def(
    id: Metric,
    name: &'static str,
    kind: Kind,
    labels: &'static [&'static str],
    help: &'static str,
) -> Def {
    Def { id, name, kind, labels, help }
}
