//! The shape of the file, and what is made from it for each chain.

use super::{
    detectors,
    envelope::{self, Envelopes},
    mapping::{self, Mappings},
    mistake::{At, ConfigError, Mistake},
    read::read_without,
    reference::{self, ReferenceParams},
    schema,
    tree::{Env, TreeKey, TreeKind, TreeNode},
};
use crate::{
    audit::{self, short_hash},
    decode::{Limits, Settings},
    detect::Params as DetectParams,
    engine::{Params, Setup},
    kafka,
    model::{Chain, Family, Reference},
    ops::{http, log},
    pipeline::{self, route},
    state, triage,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

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
    defaults: ChainSection,
    /// What the records of inputs with the format `mapped` are.
    mappings: Mappings,
    /// What the records of inputs are wrapped in.
    envelopes: Envelopes,
}

#[derive(Clone, Debug)]
struct ChainSetup {
    section: ChainSection,
    reference: Arc<Reference>,
    /// What is odd about the reference data.
    notes: Vec<String>,
}

/// The part of the file that can differ between chains.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ChainSection {
    seed: u64,
    state: state::Params,
    detect: DetectParams,
    triage: triage::Params,
    reference: ReferenceParams,
}

impl ChainSection {
    fn engine(&self) -> Params {
        let Self { seed, state, detect, triage, .. } = self.clone();
        Params { seed, state, detect, triage }
    }
}

/// The names of [`ChainSection`]'s fields, which the file has at its top level.
pub(super) const SECTION_KEYS: [&str; 5] = ["seed", "state", "detect", "triage", "reference"];

/// The top level of the file.
#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ConfigFile {
    /// The version of this file's shape.
    #[schemars(range(min = VERSION, max = VERSION), extend("x-unit" = "version"))]
    version: u32,
    /// How to reach Kafka, and as which member of which group.
    kafka: kafka::Params,
    /// The topics that are read, each with its chain and format.
    #[schemars(length(max = 1_000))]
    inputs: Vec<pipeline::InputParams>,
    /// What `route` merges into what, before `run`.
    route: route::Params,
    /// The topics that are written.
    outputs: pipeline::Outputs,
    /// When a batch ends: at whichever limit is reached first.
    batch: pipeline::Batching,
    /// Where the state is saved, how often, and how many times over.
    snapshots: crate::store::Params,
    /// Checkpoints of the alerts' hash chains, and who signs them.
    audit: audit::Params,
    /// Where analysts' verdicts come from.
    verdicts: pipeline::VerdictParams,
    /// Worker threads of this process; more than there are partitions stay idle.
    #[schemars(range(min = 1, max = pipeline::WORKERS_MAX), extend("x-unit" = "threads"))]
    workers: usize,
    /// What to do with a partition in which format errors pile up.
    on_flood: pipeline::OnFlood,
    /// What to do when the log no longer holds the records that the group started with.
    on_lost_history: crate::journal::takeover::OnLostHistory,
    /// The server of metrics and health.
    http: http::Params,
    /// How the process logs.
    log: log::Params,
    /// Bounds on hostile input.
    limits: Limits,
    /// Seeds hashing, reservoirs and fits: another seed gives other, equally good answers.
    #[schemars(range(min = 0, max = u64::MAX), extend("x-unit" = "seed"))]
    seed: u64,
    /// How much is remembered of each chain.
    state: state::Params,
    /// Which rules and models run, and with what parameters.
    detect: DetectParams,
    /// How findings become alerts.
    triage: triage::Params,
    /// What rules need beside the stream.
    reference: ReferenceParams,
    /// The settings of one chain, by its CAIP-2 id: they go before those of all chains.
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    chains: BTreeMap<String, serde::de::IgnoredAny>,
}

impl Default for ConfigFile {
    fn default() -> Self {
        let run = pipeline::Params::default();
        let section = ChainSection::default();
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
        let config = TreeNode::parse(text, env, &mut mistakes)
            .and_then(|node| Self::of(&node, dir, &mut mistakes));
        match config {
            Some(config) if mistakes.is_empty() => Ok(config),
            _ => Err(ConfigError::new(name, mistakes)),
        }
    }

    fn of(node: &TreeNode, dir: &Path, mistakes: &mut Vec<Mistake>) -> Option<Self> {
        let dead = schema::check(node, mistakes);
        let file: ConfigFile = read_without(node, &dead, mistakes)?;
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
        let has_inputs =
            matches!(node.get("inputs").map(|n| &n.kind), Some(TreeKind::Seq(i)) if !i.is_empty());
        mistakes.extend(run.problems().into_iter().filter_map(|text| {
            let path = text.split([':', ',']).next().unwrap_or_default();
            // An input that could not be read is there, and without the section `run` says it.
            let is_about_none = run.inputs.is_empty() && path == "inputs";
            let is_said = !is_about_none || node.get("inputs").is_some() && !has_inputs;
            is_said.then(|| Mistake::new(node.locate(path), text.clone()))
        }));
        let topics: Vec<&str> = run.inputs.iter().map(|input| input.topic.as_str()).collect();
        mistakes.extend(
            file.route
                .problems(&topics)
                .into_iter()
                .map(|text| Mistake::new(node.locate("route.streams"), format!("route.{text}"))),
        );
        let base = section_of(node);
        let loading = Loading { dir, dead: &dead };
        if let Some(section) = read_without::<ChainSection>(&base, &dead, &mut Vec::new()) {
            detectors::check(&section.engine(), Family::Evm, &base, &dead, mistakes);
        }
        let mut chains = BTreeMap::new();
        let no_chains = TreeNode::map(Vec::new());
        let overrides = node.get("chains").unwrap_or(&no_chains);
        if let TreeKind::Map(entries) = &overrides.kind {
            for (key, over) in entries {
                let merged = base.overlaid(over);
                chains.extend(loading.chain((&key.name, key.at), &merged, mistakes));
            }
        }
        for (chain, at) in input_chains(node) {
            if !chains.contains_key(chain) && overrides.get(chain).is_none() {
                chains.extend(loading.chain((chain, at), &base, mistakes));
            }
        }
        let defaults = read_without(&base, &dead, &mut Vec::new()).unwrap_or_default();
        let mappings = mapping::load_all(&run.inputs, node, dir, mistakes);
        let envelopes = envelope::load_all(&run.inputs, node, dir, mistakes);
        let ConfigFile { route, http, log, limits, .. } = file;
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

/// Returns the chains that inputs name, and where; also those of inputs with other mistakes.
fn input_chains(node: &TreeNode) -> impl Iterator<Item = (&str, At)> {
    let inputs = match node.get("inputs").map(|n| &n.kind) {
        Some(TreeKind::Seq(items)) => items.as_slice(),
        _ => &[],
    };
    inputs.iter().filter_map(|input| input.get("chain")).filter_map(|n| match &n.kind {
        TreeKind::Text(text) | TreeKind::Env(text) => Some((text.as_str(), n.at)),
        _ => None,
    })
}

/// Returns the entries of the file that chains can override.
fn section_of(node: &TreeNode) -> TreeNode {
    let TreeKind::Map(entries) = &node.kind else { return TreeNode::map(Vec::new()) };
    let is_section = |key: &TreeKey| SECTION_KEYS.contains(&key.name.as_str());
    TreeNode::map(entries.iter().filter(|(key, _)| is_section(key)).cloned().collect())
}

/// What the sections of chains are read with.
struct Loading<'a> {
    dir: &'a Path,
    /// What was found to be wrong.
    dead: &'a BTreeSet<u32>,
}

impl Loading<'_> {
    /// Reads the section of a chain and the files that it names.
    fn chain(
        &self,
        (id, at): (&str, At),
        node: &TreeNode,
        mistakes: &mut Vec<Mistake>,
    ) -> Option<(String, ChainSetup)> {
        let chain = match Chain::parse(id) {
            Ok(chain) => chain,
            Err(error) => {
                mistakes.push(Mistake::new(at, error.to_string()));
                return None;
            }
        };
        let section: ChainSection = read_without(node, self.dead, mistakes)?;
        detectors::check(&section.engine(), chain.family, node, self.dead, mistakes);
        let (mut problems, mut notes) = (Vec::new(), Vec::new());
        let params = &section.reference;
        let loaded = reference::load(params, &chain, self.dir, &mut problems, &mut notes);
        let place = |path: &str| node.locate(&format!("reference.{path}"));
        mistakes.extend(problems.into_iter().map(|(path, text)| Mistake::new(place(&path), text)));
        Some((id.to_owned(), ChainSetup { section, reference: Arc::new(loaded), notes }))
    }
}
