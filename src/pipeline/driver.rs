//! An engine with its background fits: the answer never depends on how long a fit takes.

use crate::{
    decode::Settings,
    engine::{
        Action, Control, Engine, EngineError, Examination, Features, FitJob, Fitted, Frozen, Input,
        Setup, Stats, run_fit,
    },
    model::{EventId, Record},
};
use std::{
    collections::BTreeMap,
    sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel},
    thread,
};

/// The most fits under way; beyond it the engine waits for the oldest.
const FITS_MAX: usize = 16;

/// Where fits run. Both give the same answers: a result takes over at a record count that the
/// engine fixes when it asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fits {
    /// On one thread beside the engine.
    #[default]
    Background,
    /// At once, on the engine's thread.
    Inline,
}

/// An engine that runs its own fits.
pub struct Driver {
    engine: Engine,
    fits: Fits,
    worker: Option<FitWorker>,
    /// How many fits were handed over and have not come back.
    n_pending: usize,
    /// Results that are not yet due, by model and fit.
    ready: BTreeMap<(String, u64), Fitted>,
}

struct FitWorker {
    jobs: SyncSender<FitJob>,
    results: Receiver<Fitted>,
}

impl Driver {
    /// Makes a driver over an engine with an empty history.
    ///
    /// # Errors
    /// When a rule's or model's parameters are wrong.
    pub fn new(setup: Setup, fits: Fits) -> Result<Self, EngineError> {
        Ok(Self::over(Engine::new(setup)?, fits))
    }

    /// Makes a driver over an engine that exists, running again the fits it was waiting for.
    pub fn over(engine: Engine, fits: Fits) -> Self {
        let unfinished: Vec<FitJob> = engine.unfinished_fits().cloned().collect();
        let mut driver = Self { engine, fits, worker: None, n_pending: 0, ready: BTreeMap::new() };
        for job in unfinished {
            driver.start(job);
        }
        driver
    }

    /// Folds one record, after any fit result that is due before it.
    ///
    /// `Action::Fit` never reaches the caller.
    pub fn feed(&mut self, settings: &Settings, record: Record<'_>, actions: &mut Vec<Action>) {
        self.deliver_due(actions);
        let first_new = actions.len();
        self.engine.step(Input::Record(settings, record), actions);
        self.start_fits(actions, first_new);
    }

    /// Sets one record aside unread, as a dead letter.
    pub fn set_aside(
        &mut self,
        settings: &Settings,
        record: Record<'_>,
        actions: &mut Vec<Action>,
    ) {
        self.deliver_due(actions);
        let first_new = actions.len();
        self.engine.step(Input::Poison(settings, record), actions);
        self.start_fits(actions, first_new);
    }

    /// Examines an event of the next record instead of folding that; see
    /// [`Engine::examine`]. The engine is good for nothing else afterwards.
    pub fn examine(
        mut self,
        settings: &Settings,
        record: &Record<'_>,
        event: &EventId,
        typical: &[Features],
    ) -> Option<Examination> {
        self.deliver_due(&mut Vec::new());
        self.engine.examine(settings, record, event, typical)
    }

    /// Applies a control entry before the next record.
    ///
    /// # Errors
    /// When a setup is wrong or another chain's; the engine is then unchanged.
    pub fn control(&mut self, control: Control) -> Result<(), EngineError> {
        if let Control::Setup(setup) = &control {
            self.engine.check_setup(setup)?;
        }
        let is_setup = matches!(control, Control::Setup(_));
        self.engine.step(Input::Control(control), &mut Vec::new());
        if is_setup {
            // A new model counts its fits from 1 again: a late result of its predecessor must not
            // be taken for one of its own. Those still wanted run again, to the same result.
            self.worker = None;
            self.n_pending = 0;
            self.ready.clear();
            let wanted: Vec<FitJob> = self.engine.unfinished_fits().cloned().collect();
            wanted.into_iter().for_each(|job| self.start(job));
        }
        Ok(())
    }

    /// Returns the engine's counts.
    pub fn stats(&self) -> &Stats {
        self.engine.stats()
    }

    /// Freezes the engine, to be written on another thread while this one goes on. Fits under way
    /// are part of it as jobs.
    pub fn freeze(&mut self) -> Frozen {
        self.engine.freeze()
    }

    /// Returns the engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    fn deliver_due(&mut self, actions: &mut Vec<Action>) {
        while let Some((model, id)) = self.engine.fit_due() {
            let key = (model.to_owned(), id);
            while !self.ready.contains_key(&key) {
                // INVARIANT: the engine waits only for what it asked for.
                assert!(self.n_pending > 0, "fit {key:?} is due but was never asked for");
                self.collect_one();
            }
            let Some(fitted) = self.ready.remove(&key) else { return };
            let first_new = actions.len();
            self.engine.step(Input::Fitted(fitted), actions);
            self.start_fits(actions, first_new);
        }
    }

    /// Takes the fits out of the actions and has them run.
    fn start_fits(&mut self, actions: &mut Vec<Action>, first_new: usize) {
        if !actions[first_new..].iter().any(|a| matches!(a, Action::Fit(_))) {
            return;
        }
        for action in actions.split_off(first_new) {
            match action {
                Action::Fit(job) => self.start(*job),
                other => actions.push(other),
            }
        }
    }

    fn start(&mut self, job: FitJob) {
        if self.fits == Fits::Background && self.worker.is_none() {
            self.worker = spawn_worker();
        }
        while self.n_pending >= FITS_MAX {
            self.collect_one();
        }
        // Both channels hold FITS_MAX, so neither side ever waits to send.
        let refused = match &self.worker {
            Some(worker) => worker.jobs.try_send(job).err().map(|e| match e {
                TrySendError::Full(job) | TrySendError::Disconnected(job) => job,
            }),
            None => Some(job),
        };
        match refused {
            // Without a thread the fit runs here: slower, the same answer.
            Some(job) => self.keep(run_fit(&job)),
            None => self.n_pending += 1,
        }
    }

    fn collect_one(&mut self) {
        let result = self.worker.as_ref().and_then(|w| w.results.recv().ok());
        // INVARIANT: a fit is a total function; a dead thread is our bug, not bad data.
        assert!(result.is_some(), "the fit thread died");
        self.n_pending -= 1;
        if let Some(fitted) = result {
            self.keep(fitted);
        }
    }

    fn keep(&mut self, fitted: Fitted) {
        self.ready.insert((fitted.model.clone(), fitted.id), fitted);
    }
}

/// Starts the fit thread; it ends when its job channel closes.
fn spawn_worker() -> Option<FitWorker> {
    let (jobs, inbox) = sync_channel::<FitJob>(FITS_MAX);
    let (outbox, results) = sync_channel(FITS_MAX);
    let body = move || {
        for job in inbox {
            if outbox.send(run_fit(&job)).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("fit".to_owned()).spawn(body).ok()?;
    Some(FitWorker { jobs, results })
}
