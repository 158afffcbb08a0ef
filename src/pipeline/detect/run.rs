//! Starts the workers and waits for them.

use super::worker::{Worker, WorkerContext};
use crate::{
    pipeline::{
        InputSetup, Observer, Params, RuntimeError,
        control::{Ballot, Inputs},
        signing::load_signer,
        topics,
    },
    store::{Publisher, Store},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// How long the last snapshots may take after the workers have ended. A process that was told to
/// stop does not wait so long for a large one: it leaves within its two seconds, and the next start
/// replays a little more.
const PUBLISH_MAX: Duration = Duration::from_secs(5);

/// Consumes the input topics and writes alerts and dead letters until `stop` is true.
///
/// `inputs` has one entry for each of `params.inputs`.
///
/// # Errors
/// When the configuration, the topics or the group's offsets forbid a start, and when Kafka fails
/// in a way that only a new process can mend.
pub fn run(
    params: &Params,
    inputs: Vec<InputSetup>,
    stop: Arc<AtomicBool>,
    observer: Arc<dyn Observer>,
) -> Result<(), RuntimeError> {
    let inputs = Inputs::new(&inputs).map_err(|why| RuntimeError::Params(vec![why]))?;
    run_reloadable(params, &inputs, stop, observer)
}

/// As [`run`], with inputs that can be replaced meanwhile.
///
/// # Errors
/// As [`run`].
pub fn run_reloadable(
    params: &Params,
    inputs: &Inputs,
    stop: Arc<AtomicBool>,
    observer: Arc<dyn Observer>,
) -> Result<(), RuntimeError> {
    let mut problems = params.problems();
    for input in &params.inputs {
        if inputs.of(&input.topic).is_none() {
            problems.push(format!("inputs: topic {} has no setup", input.topic));
        }
    }
    if !problems.is_empty() {
        return Err(RuntimeError::Params(problems));
    }
    let widths = match topics::prepare(params, &stop, &*observer) {
        // Whatever the client said last: nothing has been started.
        _ if stop.load(Ordering::Acquire) => return Ok(()),
        prepared => prepared?,
    };
    let signer = load_signer(&params.audit)?;
    match &signer {
        Some(signer) => tracing::info!(key_id = signer.key_id(), "checkpoints are signed"),
        None => tracing::warn!("checkpoints are unsigned: audit.key_file is not set"),
    }
    let store =
        Store::open(&params.snapshots).map_err(|e| RuntimeError::Params(vec![e.to_string()]))?;
    inputs.keep_in(store.clone());
    let publisher = match &store {
        Some(store) => {
            let told = Arc::clone(&observer);
            let started = Publisher::start(
                store.clone(),
                Arc::new(move |at, report| told.snapshot(&at.topic, at.partition, report)),
            );
            Some(started.map_err(RuntimeError::Thread)?)
        }
        None => {
            tracing::warn!(
                "snapshots are off: every start replays the log from where the group began"
            );
            None
        }
    };
    let ballot = Ballot::new(&params.kafka, &params.outputs.control, &stop);
    let first = WorkerContext {
        slot: 0,
        params,
        inputs,
        widths: &widths,
        signer: signer.as_ref(),
        store: store.as_ref(),
        publisher: publisher.as_ref(),
        observer: &*observer,
        agreement: &ballot,
        stop: &stop,
    };
    let outcome = work(first);
    if publisher.is_some_and(|publisher| !publisher.close(PUBLISH_MAX)) {
        tracing::info!("the last snapshot was not finished: the next start replays a little more");
    }
    outcome
}

/// Runs the workers, all as the first but for their slot.
fn work(first: WorkerContext<'_>) -> Result<(), RuntimeError> {
    thread::scope(|scope| {
        let mut workers = Vec::with_capacity(first.params.workers);
        for slot in 0..first.params.workers {
            let ctx = WorkerContext { slot, ..first };
            let body = move || {
                let _guard = StopAll(ctx.stop);
                let done = Worker::connect(ctx).and_then(Worker::run);
                excuse(done, ctx.stop)
            };
            let builder = thread::Builder::new().name(format!("worker-{slot}"));
            match builder.spawn_scoped(scope, body) {
                Ok(handle) => workers.push(handle),
                Err(error) => {
                    first.stop.store(true, Ordering::Release);
                    return Err(RuntimeError::Thread(error));
                }
            }
        }
        let mut outcome = Ok(());
        for (slot, worker) in workers.into_iter().enumerate() {
            let done = worker.join().unwrap_or(Err(RuntimeError::Panicked(slot)));
            outcome = outcome.and(done);
        }
        outcome
    })
}

/// Stops every worker when one ends, however it ends: a supervisor restarts the whole process.
struct StopAll<'a>(&'a AtomicBool);

impl Drop for StopAll<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Forgives a worker that was told to stop what Kafka did not answer any more: what was not
/// committed is read again by the next start.
fn excuse(done: Result<(), RuntimeError>, stop: &AtomicBool) -> Result<(), RuntimeError> {
    match done {
        // A refusal may only mean that the stop cut a question short: the next start asks again.
        Err(
            error @ (RuntimeError::Kafka { .. }
            | RuntimeError::Connection(_)
            | RuntimeError::Deadline { .. }
            | RuntimeError::Refused(_)),
        ) if stop.load(Ordering::Acquire) => {
            tracing::info!(code = error.code(), %error, "given up because of the stop");
            Ok(())
        }
        done => done,
    }
}
