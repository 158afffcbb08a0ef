//! The door for programs: a detector that takes records and gives alerts, without Kafka or files.
//!
//! It is put together from what `txwarden run` uses, the engine with its background fits and the
//! hash chain of its alerts, so that the same records give the same bytes.

use crate::{
    audit::{HashChains, short_hash},
    decode::{Format, Mapping, Settings, Wrapping, envelope},
    detect::{DetectorSettings, models, rules},
    engine::{
        Action, Control, DeadLetter, Engine, EngineError, FindingReport, Params, ScoreReport, Setup,
    },
    model::{Alert, Chain, Record, Reference, Verdict},
    pipeline::{Driver, Fits},
};
use std::{collections::BTreeMap, sync::Arc, vec::Drain};

/// Says how a [`Detector`] is to be made; [`Detector::builder`] begins one.
pub struct Builder {
    settings: Settings,
    setup: Setup,
    rules: Option<Vec<String>>,
    models: Option<Vec<String>>,
    fits: Fits,
}

/// A detector of one chain: records in, in the order of the chain, and outputs out.
///
/// ```
/// use txwarden::{Detector, model::{Chain, Record}};
///
/// let mut detector = Detector::builder(Chain::parse("eip155:1")?).build()?;
/// // What cannot be read is an output too, never an error.
/// let outputs: Vec<_> = detector.feed(Record::new("blocks", 0, b"no JSON")).collect();
/// assert!(matches!(&outputs[..], [txwarden::Output::DeadLetter(_)]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Cost
/// Memory as `state` is bounded in the parameters, and the head of one hash chain for each topic
/// and partition that records name.
pub struct Detector {
    settings: Settings,
    driver: Driver,
    chains: HashChains,
    actions: Vec<Action>,
    outputs: Vec<Output>,
}

/// What comes of a record.
#[derive(Debug)]
#[non_exhaustive]
pub enum Output {
    /// An alert, or a further revision of one.
    Alert(Box<SealedAlert>),
    /// A part of the record that could not be read, with the reason.
    DeadLetter(Box<DeadLetter>),
    /// A finding before triage; only with [`Builder::findings`].
    Finding(Box<FindingReport>),
    /// What the models think of a transaction; only with [`Builder::scores`].
    Score(Box<ScoreReport>),
}

/// An alert with its place in the hash chain.
#[derive(Clone, Debug)]
pub struct SealedAlert {
    pub alert: Alert,
    /// The line of JSON that `txwarden run` would write, without the end of the line:
    /// `provenance.hash` is over these bytes.
    pub line: Vec<u8>,
}

/// Why a detector cannot be made, or cannot be changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DetectorError {
    #[error("the detector's parameters are refused")]
    Engine(#[from] EngineError),
    #[error("unknown {family} {id:?}")]
    Unknown { family: &'static str, id: String },
    #[error("the settings are of chain {found}, the detector is of {chain}")]
    OtherChain { chain: String, found: String },
    #[error("the format `mapped` needs a mapping")]
    NoMapping,
    #[error("records wrapped in {0} need the feature `compression`")]
    NoCompression(String),
}

impl Detector {
    /// Begins a detector of a chain: every rule and model with its defaults, no reference data,
    /// and records as ethereum-etl or bitcoin-etl write them.
    pub fn builder(chain: Chain) -> Builder {
        let format = match chain.family {
            crate::model::Family::Evm => Format::EthereumEtl,
            crate::model::Family::Utxo => Format::BitcoinEtl,
        };
        Builder {
            settings: Settings::new(format, chain.clone()),
            setup: Setup::new(chain),
            rules: None,
            models: None,
            fits: Fits::default(),
        }
    }

    /// Folds one record and returns what comes of it, oldest first. What is not taken from the
    /// iterator is dropped; the hash chain has it nevertheless.
    ///
    /// Records come in the order of the chain. Topic, partition and offset are what alerts name as
    /// their source, and decide nothing else.
    pub fn feed<'a>(&'a mut self, record: Record<'_>) -> Outputs<'a> {
        if let Some(wrapping) = envelope::decide(&self.settings, &record) {
            self.settings.envelope.wrapping = wrapping;
        }
        self.driver.feed(&self.settings, record, &mut self.actions);
        self.outputs.clear();
        for action in self.actions.drain(..) {
            self.outputs.extend(match action {
                Action::Alert(alert) => Some(Output::Alert(sealed(&mut self.chains, *alert))),
                Action::DeadLetter(letter) => Some(Output::DeadLetter(letter)),
                Action::Finding(finding) => Some(Output::Finding(finding)),
                Action::Scored(report) => Some(Output::Score(report)),
                // The driver runs fits itself.
                Action::Fit(_) => None,
            });
        }
        Outputs { inner: self.outputs.drain(..) }
    }

    /// Tells the models and triage what an analyst concluded, before the next record.
    ///
    /// # Errors
    /// None that a verdict can cause; the driver refuses settings only.
    pub fn judge(&mut self, verdict: Verdict) -> Result<(), DetectorError> {
        Ok(self.driver.control(Control::Verdict(Box::new(verdict)))?)
    }

    /// Returns the engine: its counts, its memory, and which rules cannot work for want of data.
    pub fn engine(&self) -> &Engine {
        self.driver.engine()
    }
}

impl Builder {
    /// Reads records of another format.
    pub fn format(mut self, format: Format) -> Self {
        self.settings.format = format;
        self
    }

    /// Reads records as a mapping says.
    pub fn mapping(mut self, mapping: Mapping) -> Self {
        self.settings.format = Format::Mapped;
        self.settings.mapping = Some(Arc::new(mapping));
        self
    }

    /// Reads records with these settings altogether: limits, envelopes, batches.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = settings;
        self
    }

    /// Runs these rules and no others.
    pub fn rules<I: Into<String>>(mut self, ids: impl IntoIterator<Item = I>) -> Self {
        self.rules = Some(ids.into_iter().map(Into::into).collect());
        self
    }

    /// Runs these models and no others; with none, only rules speak.
    pub fn models<I: Into<String>>(mut self, ids: impl IntoIterator<Item = I>) -> Self {
        self.models = Some(ids.into_iter().map(Into::into).collect());
        self
    }

    /// Sets every parameter of the engine: seed, memory, rules, models and triage.
    pub fn params(mut self, params: Params) -> Self {
        self.setup.params = params;
        self
    }

    /// Gives prices, watched accounts and labels, without which some rules are not evaluable.
    pub fn reference(mut self, reference: impl Into<Arc<Reference>>) -> Self {
        self.setup.reference = reference.into();
        self
    }

    /// Puts out every finding before triage too.
    pub fn findings(mut self) -> Self {
        self.setup.is_reporting_findings = true;
        self
    }

    /// Puts out what the models think of every transaction too.
    pub fn scores(mut self) -> Self {
        self.setup.is_reporting_scores = true;
        self
    }

    /// Says on which thread models are fitted; no answer depends on it.
    pub fn fits(mut self, fits: Fits) -> Self {
        self.fits = fits;
        self
    }

    /// Makes the detector.
    ///
    /// # Errors
    /// When a rule or model is unknown, parameters are wrong (all mistakes at once), or the
    /// settings cannot be what is meant.
    pub fn build(self) -> Result<Detector, DetectorError> {
        let Self { settings, mut setup, rules, models, fits } = self;
        let chain = &setup.chain;
        if settings.chain.id != chain.id {
            let (chain, found) = (chain.to_string(), settings.chain.to_string());
            return Err(DetectorError::OtherChain { chain, found });
        }
        if settings.format == Format::Mapped && settings.mapping.is_none() {
            return Err(DetectorError::NoMapping);
        }
        let wrapping = &settings.envelope.wrapping;
        if !cfg!(feature = "compression") && is_compressed(wrapping) {
            return Err(DetectorError::NoCompression(wrapping.to_string()));
        }
        let detect = &mut setup.params.detect;
        if let Some(wanted) = rules {
            let known = rules::TABLE.iter().map(|entry| entry.meta.id);
            only("rule", &wanted, known, &mut detect.rules)?;
        }
        if let Some(wanted) = models {
            let known = models::TABLE.iter().map(|entry| entry.meta.id);
            only("model", &wanted, known, &mut detect.models)?;
        }
        setup.config_hash = short_hash(setup.params.canonical().as_bytes());
        Ok(Detector {
            settings,
            driver: Driver::new(setup, fits)?,
            chains: HashChains::default(),
            actions: Vec::new(),
            outputs: Vec::new(),
        })
    }
}

/// What came of one record, oldest first.
pub struct Outputs<'a> {
    inner: Drain<'a, Output>,
}

impl Outputs<'_> {
    /// Returns the alerts only.
    pub fn alerts(self) -> impl Iterator<Item = Alert> {
        self.filter_map(|output| match output {
            Output::Alert(sealed) => Some(sealed.alert),
            _ => None,
        })
    }
}

impl Iterator for Outputs<'_> {
    type Item = Output;

    fn next(&mut self) -> Option<Output> {
        self.inner.next()
    }
}

fn is_compressed(wrapping: &Wrapping) -> bool {
    let layers = match wrapping {
        Wrapping::Layers(layers) => layers.as_slice(),
        Wrapping::Auto => &[],
    };
    layers.iter().any(|layer| matches!(layer, envelope::Layer::Gzip | envelope::Layer::Zstd))
}

/// Switches on the members that are wanted, with the parameters that they have, and the rest off.
fn only<'a>(
    family: &'static str,
    wanted: &[String],
    known: impl Iterator<Item = &'a str> + Clone,
    members: &mut BTreeMap<String, DetectorSettings>,
) -> Result<(), DetectorError> {
    if let Some(id) = wanted.iter().find(|id| !known.clone().any(|known| known == id.as_str())) {
        return Err(DetectorError::Unknown { family, id: id.clone() });
    }
    for id in known {
        let is_wanted = wanted.iter().any(|wanted| wanted == id);
        if !is_wanted || members.contains_key(id) {
            members.entry(id.to_owned()).or_default().enabled = is_wanted;
        }
    }
    Ok(())
}

fn sealed(chains: &mut HashChains, mut alert: Alert) -> Box<SealedAlert> {
    let line = chains.seal(&mut alert);
    // INVARIANT: an alert has finite numbers and text for keys, so that it can be written.
    assert!(line.is_ok(), "an alert cannot be written: {:?}", line.err());
    Box::new(SealedAlert { alert, line: line.unwrap_or_default() })
}
