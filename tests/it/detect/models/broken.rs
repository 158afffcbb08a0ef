//! Models with one planted fault each, around one that is sound: the suite must catch them.

use std::cell::Cell;
use txwarden::{
    detect::{Model, ModelMeta, Opinion, Scene, SnapshotError},
    feature::evm,
    model::{Band, DetectorId, DetectorKind, Finding, Severity, Subject},
};

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    None,
    NotANumber,
    LearnsInScore,
    ForgetsInSnapshot,
    Eager,
    Guesses,
    TakesAnySnapshot,
}

/// Scores the log value once it has seen a hundred events.
pub struct Broken {
    fault: Fault,
    n_seen: Cell<u64>,
}

impl Broken {
    pub fn new(fault: Fault) -> Self {
        Self { fault, n_seen: Cell::new(0) }
    }
}

const META: &ModelMeta = &ModelMeta {
    id: "broken",
    kind: DetectorKind::Statistical,
    title: "",
    description: "",
    unit: "",
    references: &[],
};

impl Model for Broken {
    fn meta(&self) -> &'static ModelMeta {
        META
    }

    fn score(&self, scene: &Scene<'_>) -> Option<Opinion> {
        if self.fault == Fault::LearnsInScore {
            self.n_seen.set(self.n_seen.get() + 1);
        }
        if self.n_seen.get() < 100 && self.fault != Fault::Eager {
            return None;
        }
        let value = scene.features?.get(evm::LOG_VALUE)?;
        let surprise = match self.fault {
            Fault::NotANumber => f64::NAN,
            Fault::Guesses => (scene.event.time.secs() % 7) as f64,
            _ => (value + 6.0).clamp(0.0, 16.0),
        };
        Some(Opinion { surprise, value: self.n_seen.get() as f64 })
    }

    fn explain(&self, _scene: &Scene<'_>, opinion: &Opinion, _bar: f64) -> Finding {
        Finding {
            detector: DetectorId::new(META.id),
            kind: META.kind,
            severity: Severity::Low,
            subject: Subject::Chain,
            value: opinion.value,
            expected: Band::default(),
            unit: "".into(),
            explanation: "1 is 1.".to_owned(),
            quiet_if: "0".to_owned(),
            refs: Vec::new(),
            surprise: opinion.surprise,
        }
    }

    fn learn(&mut self, _scene: &Scene<'_>, _own: Option<&Opinion>) {
        self.n_seen.set(self.n_seen.get() + 1);
    }

    fn snapshot(&self) -> Vec<u8> {
        let n_seen = if self.fault == Fault::ForgetsInSnapshot { 0 } else { self.n_seen.get() };
        n_seen.to_le_bytes().to_vec()
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), SnapshotError> {
        match bytes.try_into() {
            Ok(bytes) => self.n_seen.set(u64::from_le_bytes(bytes)),
            Err(_) if self.fault == Fault::TakesAnySnapshot => {}
            Err(_) => {
                let source = postcard::Error::DeserializeUnexpectedEnd;
                return Err(SnapshotError { what: META.id, source });
            }
        }
        Ok(())
    }
}
