//! What the cases share: one broker, the traffic, the seed.

use crate::{
    broker::{Broker, server},
    case::Form,
    traffic::Traffic,
};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use std::{
    cell::OnceCell,
    path::{Path, PathBuf},
};

/// The surroundings of all cases of one run.
pub struct Lab {
    pub form: Form,
    seed: u64,
    broker: Broker,
    /// Where processes are named that must not outlive the suite.
    guarded: PathBuf,
    traffic: [OnceCell<Traffic>; 3],
}

/// Settings that every broker of the suite gets.
pub const PROPERTIES: &str = "";

impl Lab {
    /// Starts the broker.
    ///
    /// # Errors
    /// When there is none to be had here, and why.
    pub fn new(form: Form, seed: u64) -> Result<Self, String> {
        let guarded = tempfile::tempdir().map_err(|e| e.to_string())?.keep();
        server::guard(&guarded)?;
        let broker = Broker::start(PROPERTIES)?;
        Ok(Self { form, seed, broker, guarded, traffic: Default::default() })
    }

    /// Returns the directory in which processes are named that must not outlive the suite.
    pub fn guarded(&self) -> &Path {
        &self.guarded
    }

    /// Returns the broker that all cases share which leave it alone.
    pub fn broker(&self) -> &Broker {
        &self.broker
    }

    /// Starts a broker for a case that ends, freezes or starves it.
    pub fn own_broker(&self, properties: &str) -> Broker {
        Broker::start(&format!("{PROPERTIES}{properties}")).unwrap()
    }

    /// Returns randomness that belongs to a case: running it alone repeats it.
    pub fn rng(&self, case: &str) -> Xoshiro256PlusPlus {
        let salt = case.bytes().fold(0u64, |h, b| h.wrapping_mul(31).wrapping_add(u64::from(b)));
        Xoshiro256PlusPlus::seed_from_u64(self.seed ^ salt)
    }

    /// Returns the traffic of the longest case: at least 200,000 records in the full form.
    pub fn long(&self) -> &Traffic {
        let n = match self.form {
            Form::Smoke => 6_000,
            Form::Short => 40_000,
            Form::Full => 204_000,
        };
        self.traffic[0].get_or_init(|| Traffic::new(n))
    }

    /// Returns the traffic of most cases.
    pub fn medium(&self) -> &Traffic {
        let n = match self.form {
            Form::Smoke => 6_000,
            Form::Short => 16_000,
            Form::Full => 40_000,
        };
        self.traffic[1].get_or_init(|| Traffic::new(n))
    }

    /// Returns traffic that is short enough for a transaction per record.
    pub fn tiny(&self) -> &Traffic {
        self.traffic[2].get_or_init(|| Traffic::new(2_400))
    }
}
