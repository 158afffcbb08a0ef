//! What each input topic is judged with, replaceable while workers run.

use crate::{
    decode::Settings,
    engine::{Engine, Setup},
    journal::Bundle,
    pipeline::causes,
    store::Store,
};
use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// The most bundles that are remembered as kept.
const KEPT_MAX: usize = 256;

/// What one input topic is read with.
#[derive(Clone)]
pub struct InputSetup {
    pub topic: String,
    pub settings: Settings,
    /// Each partition of the topic gets an engine of its own, made from this.
    pub setup: Setup,
}

/// An input with its bundle.
#[derive(Clone)]
pub struct Prepared {
    pub topic: String,
    pub bundle: Arc<Bundle>,
}

/// The inputs of a process; clones share them.
#[derive(Clone)]
pub struct Inputs {
    shared: Arc<SharedInputs>,
}

struct SharedInputs {
    /// Counts replacements, so that workers notice one without a lock.
    generation: AtomicU64,
    now: Mutex<Arc<[Prepared]>>,
    /// Where bundles are kept; unset until the workers start.
    store: OnceLock<Option<Store>>,
    /// The bundle that was kept last of each topic's: looking again would only cost time.
    kept: Mutex<BTreeSet<String>>,
}

impl Inputs {
    /// Prepares the inputs of a process.
    ///
    /// # Errors
    /// A sentence, when a bundle cannot be made: a bug.
    pub fn new(inputs: &[InputSetup]) -> Result<Self, String> {
        let now = Mutex::new(prepare(inputs)?);
        let (generation, store) = (AtomicU64::new(0), OnceLock::new());
        let kept = Mutex::new(BTreeSet::new());
        Ok(Self { shared: Arc::new(SharedInputs { generation, now, store, kept }) })
    }

    /// Returns the inputs as they are now.
    pub fn now(&self) -> Arc<[Prepared]> {
        Arc::clone(&self.lock())
    }

    /// Returns the bundle of a topic.
    pub fn of(&self, topic: &str) -> Option<Arc<Bundle>> {
        let now = self.now();
        now.iter().find(|input| input.topic == topic).map(|input| Arc::clone(&input.bundle))
    }

    /// Returns how often they have been replaced.
    pub fn generation(&self) -> u64 {
        self.shared.generation.load(Ordering::Acquire)
    }

    /// Says where bundles are kept; only the first answer counts.
    pub fn keep_in(&self, store: Option<Store>) {
        // A second run with the same inputs keeps its bundles where the first one did.
        let _ = self.shared.store.set(store);
    }

    /// Returns where bundles are kept.
    pub fn store(&self) -> Option<&Store> {
        self.shared.store.get().and_then(Option::as_ref)
    }

    /// Puts others in place; workers go on with them at the end of their batches. Returns how many
    /// of them changed.
    ///
    /// # Errors
    /// A sentence for the operator; the old ones then stay in force.
    pub fn replace(&self, inputs: &[InputSetup]) -> Result<usize, String> {
        let new = prepare(inputs)?;
        let old = self.now();
        let is_same = |(a, b): (&Prepared, &Prepared)| {
            a.topic == b.topic && a.bundle.setup.chain == b.bundle.setup.chain
        };
        if old.len() != new.len() || !old.iter().zip(new.iter()).all(is_same) {
            return Err("inputs: topics and chains cannot change while running".to_owned());
        }
        let mut n_changed = 0;
        for (old, new) in old.iter().zip(new.iter()) {
            if old.bundle.hash != new.bundle.hash {
                self.can_change()?;
                Engine::new(new.bundle.setup.clone()).map_err(|e| causes(&e))?;
                self.keep(&new.bundle)?;
                n_changed += 1;
            }
        }
        if n_changed > 0 {
            *self.lock() = new;
            self.shared.generation.fetch_add(1, Ordering::AcqRel);
        }
        Ok(n_changed)
    }

    /// Keeps a bundle before an entry names it. Without a store there is nothing to do: the first
    /// setup of a group is at hand as long as it does not change.
    ///
    /// # Errors
    /// A sentence for the operator, when the store does not take it.
    pub fn keep(&self, bundle: &Bundle) -> Result<(), String> {
        let Some(store) = self.store() else { return Ok(()) };
        let mut kept = self.shared.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.contains(&bundle.hash) {
            return Ok(());
        }
        let bytes = bundle.encode().map_err(|error| causes(&error))?;
        store.put_bundle(&bundle.hash, &bytes).map_err(|error| {
            let why = causes(&error);
            format!("the settings cannot be kept in {} (snapshots.url): {why}", store.url())
        })?;
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(bundle.hash.clone());
        Ok(())
    }

    /// Returns whether other settings may come into force: a replay will need the old ones.
    ///
    /// # Errors
    /// A sentence for the operator, when there is no place for them.
    pub fn can_change(&self) -> Result<(), String> {
        match self.shared.store.get() {
            Some(None) => Err("settings cannot change without a place for the old ones: a replay \
                               needs them; set snapshots.url"
                .to_owned()),
            _ => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Arc<[Prepared]>> {
        self.shared.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn prepare(inputs: &[InputSetup]) -> Result<Arc<[Prepared]>, String> {
    let prepared = inputs.iter().map(|InputSetup { topic, settings, setup }| {
        let bundle = Bundle::of(settings, setup).map_err(|error| causes(&error))?;
        Ok(Prepared { topic: topic.clone(), bundle: Arc::new(bundle) })
    });
    prepared.collect()
}
