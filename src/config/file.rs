//! The shape of the file, and what is made from it for each chain.

use super::{
    detectors,
    envelope::{self, Envelopes},
    mapping::{self, Mappings},
    mistake::{At, ConfigError, Mistake},
    read::read,
    reference::{self, ReferenceParams},
    tree::{Env, Key, Kind, Node},
};
use crate::{
    audit::{self, short_hash},
    decode::{Limits, Settings},
    detect::Params as DetectParams,
    engine::{Params, Setup},
    kafka,
    model::{Chain, Reference},
    ops::{http, log},
    pipeline::{self, route},
    state, triage,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::Path, sync::Arc};

/// The version of the file's shape.
const VERSION: u32 = 1;

/// A checked configuration.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Inputs, outputs and how to read them.
    pub run: pipeline::Params,
    /// The stage before `run`.
    pub route: route::Params,
    pub http: http::Params,
    pub log: log::Params,
    pub limits: Limits,
    /// Engine settings and reference data by CAIP-2 id: inputs' chains and those overridden.
    chains: BTreeMap<String, ChainSetup>,
    /// The engine settings of every other chain.
    defaults: Section,
    /// What the records of inputs with the format `mapped` are.
    mappings: Mappings,
    /// What the records of inputs are wrapped in.
    envelopes: Envelopes,
}

#[derive(Clone, Debug)]
struct ChainSetup {
    section: Section,
    reference: Arc<Reference>,
    /// What is odd about the reference data.
    notes: Vec<String>,
}

/// The part of the file that can differ between chains.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Section {
    seed: u64,
    state: state::Params,
    detect: DetectParams,
    triage: triage::Params,
    reference: ReferenceParams,
}

impl Section {
    fn engine(&self) -> Params {
        let Self { seed, state, detect, triage, .. } = self.clone();
        Params { seed, state, detect, triage }
    }
}

/// The names of [`Section`]'s fields, which the file has at its top level.
const SECTION_KEYS: [&str; 5] = ["seed", "state", "detect", "triage", "reference"];

/// The top level of the file.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    version: u32,
    kafka: kafka::Params,
    inputs: Vec<pipeline::InputParams>,
    route: route::Params,
    outputs: pipeline::Outputs,
    batch: pipeline::Batching,
    snapshots: crate::store::Params,
    audit: audit::Params,
    verdicts: pipeline::Verdicts,
    workers: usize,
    on_flood: pipeline::OnFlood,
    on_lost_history: pipeline::OnLostHistory,
    http: http::Params,
    log: log::Params,
    limits: Limits,
    seed: u64,
    state: state::Params,
    detect: DetectParams,
    triage: triage::Params,
    reference: ReferenceParams,
    /// Read per chain.
    chains: BTreeMap<String, serde::de::IgnoredAny>,
}

impl Default for File {
    fn default() -> Self {
        let run = pipeline::Params::default();
        let section = Section::default();
        Self {
            version: VERSION,
            kafka: run.kafka,
            inputs: run.inputs,
            route: route::Params::default(),
            outputs: run.outputs,
            batch: run.batch,
            snapshots: run.snapshots,
            audit: run.audit,
            verdicts: run.verdicts,
            workers: run.workers,
            on_flood: run.on_flood,
            on_lost_history: run.on_lost_history,
            http: http::Params::default(),
            log: log::Params::default(),
            limits: Limits::default(),
            seed: section.seed,
            state: section.state,
            detect: section.detect,
            triage: section.triage,
            reference: section.reference,
            chains: BTreeMap::new(),
        }
    }
}

impl Config {
    /// Reads a file and the files it names; `${VAR}` comes from the environment.
    ///
    /// # Errors
    /// Every mistake, in the order of the file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let name = path.display().to_string();
        let text = reference::read_file(path)
            .map_err(|e| ConfigError::new(&name, vec![Mistake::new(At::default(), e)]))?;
        let dir = path.parent().unwrap_or(Path::new(""));
        Self::parse(&name, dir, &text, &|var| std::env::var(var).ok())
    }

    /// Reads a text; files that it names are looked for in `dir`.
    ///
    /// # Errors
    /// Every mistake, in the order of the file.
    pub fn parse(name: &str, dir: &Path, text: &str, env: Env<'_>) -> Result<Self, ConfigError> {
        let mut mistakes = Vec::new();
        let config = Node::parse(text, env, &mut mistakes)
            .and_then(|node| Self::of(&node, dir, &mut mistakes));
        match config {
            Some(config) if mistakes.is_empty() => Ok(config),
            _ => Err(ConfigError::new(name, mistakes)),
        }
    }

    fn of(node: &Node, dir: &Path, mistakes: &mut Vec<Mistake>) -> Option<Self> {
        let file: File = read(node, mistakes)?;
        if file.version != VERSION {
            let text = format!("version {} is not known (this is version {VERSION})", file.version);
            mistakes.push(Mistake::new(node.locate("version"), text));
        }
        let mut run = pipeline::Params {
            kafka: file.kafka,
            inputs: file.inputs,
            outputs: file.outputs,
            batch: file.batch,
            snapshots: file.snapshots,
            audit: file.audit,
            verdicts: file.verdicts,
            workers: file.workers,
            on_flood: file.on_flood,
            on_lost_history: file.on_lost_history,
        };
        run.audit.key_file = run.audit.key_file.map(|file| dir.join(file));
        if node.get("inputs").is_some() {
            mistakes.extend(run.problems().into_iter().map(|text| {
                let path = text.split([':', ',']).next().unwrap_or_default();
                Mistake::new(node.locate(path), text.clone())
            }));
        }
        let topics: Vec<&str> = run.inputs.iter().map(|input| input.topic.as_str()).collect();
        mistakes.extend(
            file.route
                .problems(&topics)
                .into_iter()
                .map(|text| Mistake::new(node.locate("route.streams"), format!("route.{text}"))),
        );
        let base = section_of(node);
        let mut chains = BTreeMap::new();
        let no_chains = Node::map(Vec::new());
        let overrides = node.get("chains").unwrap_or(&no_chains);
        if let Kind::Map(entries) = &overrides.kind {
            for (key, over) in entries {
                let merged = base.overlaid(over);
                let chain = (key.name.as_str(), key.at);
                chains.extend(chain_setup(chain, &merged, dir, mistakes));
            }
        }
        for input in &run.inputs {
            if !chains.contains_key(&input.chain) && overrides.get(&input.chain).is_none() {
                let at = chain_at(node, &input.chain);
                chains.extend(chain_setup((&input.chain, at), &base, dir, mistakes));
            }
        }
        let defaults = read(&base, &mut Vec::new()).unwrap_or_default();
        let mappings = mapping::load_all(&run.inputs, node, dir, mistakes);
        let envelopes = envelope::load_all(&run.inputs, node, dir, mistakes);
        let File { route, http, log, limits, .. } = file;
        Some(Self { run, route, http, log, limits, chains, defaults, mappings, envelopes })
    }

    /// Returns what an engine of this chain is made from.
    pub fn engine_setup(&self, chain: &Chain) -> Setup {
        let (section, reference) = match self.chains.get(&*chain.id) {
            Some(setup) => (&setup.section, Arc::clone(&setup.reference)),
            None => (&self.defaults, Arc::new(Reference::default())),
        };
        let params = section.engine();
        Setup {
            config_hash: short_hash(params.canonical().as_bytes()),
            params,
            reference,
            ..Setup::new(chain.clone())
        }
    }

    /// Adds the setup of a chain that only the command line names, with the reference data that
    /// the file gives to all chains.
    ///
    /// # Errors
    /// When reference data cannot be read, or detector parameters do not suit the chain.
    pub fn add_chain(&mut self, chain: &Chain, dir: &Path) -> Result<(), ConfigError> {
        if self.chains.contains_key(&*chain.id) {
            return Ok(());
        }
        let mut problems = Vec::new();
        let section = self.defaults.clone();
        let mut notes = Vec::new();
        let loaded = reference::load(&section.reference, chain, dir, &mut problems, &mut notes);
        let setup = ChainSetup { section, reference: Arc::new(loaded), notes };
        self.chains.insert(chain.id.to_string(), setup);
        let place = At::default();
        let mistakes: Vec<_> =
            problems.into_iter().map(|(_, text)| Mistake::new(place, text)).collect();
        if mistakes.is_empty() { Ok(()) } else { Err(ConfigError::new("reference", mistakes)) }
    }

    /// Returns what is odd about a chain's reference data, though it can be used.
    pub fn notes(&self, chain: &Chain) -> &[String] {
        self.chains.get(&*chain.id).map_or(&[], |setup| &setup.notes)
    }

    /// Returns how the records of an input are decoded; `None` for a chain that cannot be.
    pub fn settings(&self, input: &pipeline::InputParams) -> Option<Settings> {
        Some(Settings {
            is_batch_allowed: input.allow_batch,
            limits: self.limits.clone(),
            mapping: self.mappings.get(&input.topic).cloned(),
            envelope: self.envelopes.get(&input.topic).cloned().unwrap_or_default(),
            ..Settings::new(input.format, Chain::parse(&input.chain).ok()?)
        })
    }
}

/// Returns where the first input of a chain names it.
fn chain_at(node: &Node, chain: &str) -> At {
    let inputs = match node.get("inputs").map(|n| &n.kind) {
        Some(Kind::Seq(items)) => items.as_slice(),
        _ => &[],
    };
    let is_chain = |n: &&Node| matches!(&n.kind, Kind::Text(t) | Kind::Env(t) if t == chain);
    inputs.iter().filter_map(|n| n.get("chain")).find(is_chain).map_or(node.at, |n| n.at)
}

/// Returns the entries of the file that chains can override.
fn section_of(node: &Node) -> Node {
    let Kind::Map(entries) = &node.kind else { return Node::map(Vec::new()) };
    let is_section = |key: &Key| SECTION_KEYS.contains(&key.name.as_str());
    Node::map(entries.iter().filter(|(key, _)| is_section(key)).cloned().collect())
}

fn chain_setup(
    (id, at): (&str, At),
    node: &Node,
    dir: &Path,
    mistakes: &mut Vec<Mistake>,
) -> Option<(String, ChainSetup)> {
    let chain = match Chain::parse(id) {
        Ok(chain) => chain,
        Err(error) => {
            mistakes.push(Mistake::new(at, error.to_string()));
            return None;
        }
    };
    let section: Section = read(node, mistakes)?;
    detectors::check(&section.engine(), chain.family, node, mistakes);
    let (mut problems, mut notes) = (Vec::new(), Vec::new());
    let loaded = reference::load(&section.reference, &chain, dir, &mut problems, &mut notes);
    mistakes.extend(
        problems
            .into_iter()
            .map(|(path, text)| Mistake::new(node.locate(&format!("reference.{path}")), text)),
    );
    Some((id.to_owned(), ChainSetup { section, reference: Arc::new(loaded), notes }))
}
