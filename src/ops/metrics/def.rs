//! What a line of the metric table consists of.

use super::id::Metric;

/// What a metric measures over time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MetricKind {
    Counter,
    Gauge,
    /// With the upper bounds of its buckets.
    Histogram(&'static [f64]),
}

impl MetricKind {
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
    pub kind: MetricKind,
    /// Every value comes from a closed list or from the configuration, never from data.
    pub labels: &'static [&'static str],
    pub help: &'static str,
}

/// From a tenth of a transaction's cost to a stuck broker.
pub(super) const SECONDS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// Up to the largest default batch and one step beyond.
pub(super) const COUNTS: &[f64] =
    &[1.0, 10.0, 100.0, 1_000.0, 2_500.0, 5_000.0, 10_000.0, 100_000.0];

/// Makes a line.
pub(super) const fn def(
    id: Metric,
    name: &'static str,
    kind: MetricKind,
    labels: &'static [&'static str],
    help: &'static str,
) -> Def {
    Def { id, name, kind, labels, help }
}

/// Makes the line of a counter.
pub(super) const fn counter(
    id: Metric,
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Def {
    def(id, name, MetricKind::Counter, labels, help)
}

/// Makes the line of a gauge.
pub(super) const fn gauge(
    id: Metric,
    name: &'static str,
    labels: &'static [&'static str],
    help: &'static str,
) -> Def {
    def(id, name, MetricKind::Gauge, labels, help)
}
