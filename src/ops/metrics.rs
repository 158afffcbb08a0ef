//! Every metric, declared once: the table is what is served and what the manual shows.

mod def;
mod id;
mod process;
mod table;

pub use def::{Def, MetricKind};
pub use id::Metric;
use prometheus::{
    Encoder, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder,
};
use std::fmt::Write;
pub use table::TABLE;

/// The prefix of every metric.
const NAMESPACE: &str = "txwarden";

enum Instrument {
    Counter(IntCounterVec),
    Gauge(GaugeVec),
    Histogram(HistogramVec),
}

/// The metrics of one process.
pub struct Metrics {
    registry: Registry,
    /// In the order of [`TABLE`].
    instruments: Vec<Instrument>,
}

impl Metrics {
    /// Makes every metric of the table; those without labels start at zero.
    ///
    /// # Errors
    /// When a name in the table is malformed or taken.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let mut instruments = Vec::with_capacity(TABLE.len());
        for def in TABLE {
            let opts = Opts::new(def.name, def.help).namespace(NAMESPACE);
            instruments.push(match def.kind {
                MetricKind::Counter => {
                    let counter = IntCounterVec::new(opts, def.labels)?;
                    registry.register(Box::new(counter.clone()))?;
                    Instrument::Counter(counter)
                }
                MetricKind::Gauge => {
                    let gauge = GaugeVec::new(opts, def.labels)?;
                    registry.register(Box::new(gauge.clone()))?;
                    Instrument::Gauge(gauge)
                }
                MetricKind::Histogram(buckets) => {
                    let opts = HistogramOpts::from(opts).buckets(buckets.to_vec());
                    let histogram = HistogramVec::new(opts, def.labels)?;
                    registry.register(Box::new(histogram.clone()))?;
                    Instrument::Histogram(histogram)
                }
            });
        }
        let metrics = Self { registry, instruments };
        TABLE.iter().filter(|d| d.labels.is_empty()).for_each(|d| metrics.start(d.id, &[]));
        Ok(metrics)
    }

    /// Makes a series visible at zero before anything has happened.
    ///
    /// # Panics
    /// As all methods: when the number of labels is not that of the table, a bug.
    pub fn start(&self, id: Metric, labels: &[&str]) {
        match &self.instruments[id as usize] {
            Instrument::Counter(counter) => drop(counter.with_label_values(labels)),
            Instrument::Gauge(gauge) => drop(gauge.with_label_values(labels)),
            Instrument::Histogram(histogram) => drop(histogram.with_label_values(labels)),
        }
    }

    /// Adds to a counter; nothing happens to metrics of another kind.
    pub fn add(&self, id: Metric, labels: &[&str], n: u64) {
        if let Instrument::Counter(counter) = &self.instruments[id as usize] {
            counter.with_label_values(labels).inc_by(n);
        }
    }

    /// Sets a gauge; nothing happens to metrics of another kind.
    pub fn set(&self, id: Metric, labels: &[&str], value: f64) {
        if let Instrument::Gauge(gauge) = &self.instruments[id as usize] {
            gauge.with_label_values(labels).set(value);
        }
    }

    /// Removes a gauge's series: of an info metric one is alive, that of what is in force.
    pub fn remove(&self, id: Metric, labels: &[&str]) {
        if let Instrument::Gauge(gauge) = &self.instruments[id as usize] {
            // It fails only where there is no such series.
            drop(gauge.remove_label_values(labels));
        }
    }

    /// Adds an observation to a histogram; nothing happens to metrics of another kind.
    pub fn observe(&self, id: Metric, labels: &[&str], value: f64) {
        if let Instrument::Histogram(histogram) = &self.instruments[id as usize] {
            histogram.with_label_values(labels).observe(value);
        }
    }

    /// Writes all metrics in the text format.
    ///
    /// # Errors
    /// When two series contradict each other, a bug.
    pub fn encode(&self) -> prometheus::Result<String> {
        let mut out = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut out)?;
        Ok(String::from_utf8_lossy(&out).into_owned() + &process::encode())
    }
}

/// Writes the table as Markdown, for the manual.
pub fn table_markdown() -> String {
    let mut out = String::from("| metric | type | labels | what it says |\n|---|---|---|---|\n");
    for def in TABLE {
        let labels: Vec<_> = def.labels.iter().map(|l| format!("`{l}`")).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "| `{NAMESPACE}_{}` | {} | {} | {} |",
            def.name,
            def.kind.as_str(),
            labels.join(", "),
            def.help
        );
    }
    for (name, kind, help) in process::TABLE {
        let _ = writeln!(out, "| `{name}` | {kind} |  | {help} |");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_named_as_prometheus_wants() {
        for (i, def) in TABLE.iter().enumerate() {
            assert_eq!(def.id as usize, i, "{}", def.name);
            assert_eq!(
                def.kind == MetricKind::Counter,
                def.name.ends_with("_total"),
                "{}",
                def.name
            );
            assert!(def.help.ends_with('.'), "{}", def.name);
        }
        let metrics = Metrics::new().unwrap();
        metrics.add(Metric::Records, &[], 3);
        metrics.set(Metric::Lag, &["events", "0"], 7.0);
        metrics.observe(Metric::CommitSeconds, &[], 0.02);
        let text = metrics.encode().unwrap();
        assert!(text.contains("\ntxwarden_records_total 3\n"), "{text}");
        assert!(text.contains("txwarden_consumer_lag_records{partition=\"0\",topic=\"events\"} 7"));
        assert!(text.contains("txwarden_commit_seconds_bucket{le=\"0.025\"} 1"));
    }
}
