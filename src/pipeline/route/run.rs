//! Runs the stage: topics are checked, then one thread merges until told to stop.

use super::{Params, stage::RouteStage};
use crate::{
    decode::Settings,
    kafka::{self, Loop, ReadObserver},
    pipeline::{Batching, RuntimeError, prepare_topics},
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Everything that the stage is made from.
#[derive(Clone)]
pub struct RouteSetup {
    pub kafka: kafka::Params,
    pub params: Params,
    /// How the records of each stream are read, in the order of `params.streams`.
    pub settings: Vec<Settings>,
    pub batch: Batching,
    /// Creates missing output topics, with one partition.
    pub create_topics: bool,
}

/// Who is told what the stage does.
pub trait RouteObserver: ReadObserver {
    /// A transaction was committed: records passed on to an output since the last one, how many of
    /// them late or before their time, and how many are held.
    fn routed(&self, _output: &str, _counts: crate::order::MergeCounts, _n_held: usize) {}

    /// The stage has heard from its group, and has taken over the outputs that it was given.
    fn settled(&self) {}
}

impl RouteSetup {
    /// Returns the connection as the stage's own group.
    pub(super) fn own_kafka(&self) -> kafka::Params {
        let group = self.params.group.clone();
        let group = group.unwrap_or_else(|| format!("{}-route", self.kafka.group));
        let mut own = kafka::Params { group, ..self.kafka.clone() };
        // A record that came in must be able to go out.
        let size = || (16 << 20).to_string();
        own.options.entry("message.max.bytes".to_owned()).or_insert_with(size);
        own
    }

    /// Checks the topics, and creates missing outputs if asked to: before `run` looks for them.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn prepare(&self, stop: &AtomicBool) -> Result<(), RuntimeError> {
        let streams = &self.params.streams;
        let inputs: Vec<&str> =
            streams.iter().flat_map(|s| s.inputs.iter().map(String::as_str)).collect();
        let outputs: Vec<&str> = streams.iter().map(|s| s.output.as_str()).collect();
        prepare_topics(&self.kafka, &inputs, &outputs, self.create_topics, stop)
    }
}

/// Merges until `stop` is true.
///
/// # Errors
/// When topics or offsets forbid a start, and when Kafka fails in a way that only a new process can
/// mend.
pub fn run(
    setup: &RouteSetup,
    stop: &Arc<AtomicBool>,
    observer: &dyn RouteObserver,
) -> Result<(), RuntimeError> {
    setup.prepare(stop)?;
    let done = RouteStage::connect(setup, stop, observer).and_then(Loop::run);
    match done {
        // What was not committed is read again by the next start.
        Err(error) if stop.load(Ordering::Acquire) && error.is_retryable() => {
            tracing::info!(code = error.code(), %error, "given up because of the stop");
            Ok(())
        }
        done => done,
    }
}
