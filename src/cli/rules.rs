//! `rules`: every rule and model with its state, and everything about one of them.

use super::{CliError, check, layout, output};
use crate::{
    config::Config,
    detect::{
        ModelMeta, Need, RuleMeta, models,
        rules::{Registered, Registry, missing},
        suggest::nearest,
    },
    engine::Engine,
    model::{Chain, LabelKind, Reference},
};
use serde::Serialize;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fmt::Write,
    path::{Path, PathBuf},
};

/// Command line of `rules`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: RulesCommand,
}

#[derive(Debug, clap::Subcommand)]
enum RulesCommand {
    /// List every rule and model with its state
    List {
        /// Configuration file: without it, the defaults and no reference data
        #[arg(short, long, value_name = "FILE", env = "TXWARDEN_CONFIG")]
        config: Option<PathBuf>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Explain one rule or model
    Show { id: String },
}

/// A rule or model as it is listed.
#[derive(Debug, Serialize)]
struct Listed {
    id: &'static str,
    /// `rule`, `statistical` or `cluster`.
    kind: &'static str,
    title: String,
    severity: Option<&'static str>,
    families: Vec<String>,
    subject: Option<String>,
    /// `enabled`, `disabled`, `not_evaluable`, or `weight_0`: a model whose opinion is formed and
    /// counts for nothing.
    state: &'static str,
    /// What is missing, and on which chain.
    missing: Vec<String>,
    /// What it says less without, and on which chain.
    weaker: Vec<String>,
    /// A model's weight in the combined score; the greatest where chains differ.
    weight: Option<f64>,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<(), CliError> {
    match &args.command {
        RulesCommand::List { config, json } => list(config.as_deref(), *json),
        RulesCommand::Show { id } => show(id),
    }
}

/// Says in words what a rule cannot do without.
pub(super) fn need_text(need: Need) -> &'static str {
    match need {
        Need::NativePrice => "no price of the native asset (reference.prices)",
        Need::WatchList => "no watched account (reference.watch)",
        Need::Labels(LabelKind::Sanctioned) => "no sanctioned account (reference.labels)",
        Need::Labels(LabelKind::Mixer) => "no mixer account (reference.labels)",
        Need::Labels(_) => "no labelled account of its kind (reference.labels)",
        Need::Logs => "until the input shows logs or token transfers",
        Need::Outcomes => "until the input shows receipt fields",
        Need::Threshold => {
            "no price of the native asset (reference.prices) and no threshold for it (its params)"
        }
        Need::Levels => "no levels for this chain (its params)",
        Need::Dust => "nodes of this chain relay no output as small as its dust_max (its params)",
        Need::DollarToken => "no stablecoin of this chain is known (reference.prices can name one)",
        Need::Nonces => "accounts of this chain do not number their transactions",
        Need::GasPrices => "transactions of this chain bid for no gas",
        Need::HexAddresses => "addresses of this chain have no hex digits to compare",
    }
}

fn list(path: Option<&Path>, is_json: bool) -> Result<(), CliError> {
    let (config, chains) = match path {
        Some(path) => {
            let config = Config::load(path).map_err(|e| CliError::Config(e.to_string()))?;
            let chains = check::chains(&config);
            (config, chains)
        }
        None => (Config::default(), default_chains()),
    };
    let rows = listed(&config, &chains)?;
    if is_json {
        let text = serde_json::to_string_pretty(&rows)
            .map_err(|e| CliError::failure("cannot write the list", e))?;
        return output::stdout(format!("{text}\n").as_bytes());
    }
    let line = |cells: [&str; 6], last: &str| {
        let [id, kind, severity, families, subject, state] = cells;
        let text = format!(
            "{id:<21} {kind:<11} {severity:<8} {families:<8} {subject:<11} {state:<13} {last}"
        );
        format!("{}\n", text.trim_end())
    };
    let mut text = line(["ID", "KIND", "SEVERITY", "CHAINS", "SUBJECT", "STATE"], "WHY");
    for row in &rows {
        let families = row.families.join(",");
        let families = if families.is_empty() { "all" } else { &families };
        let (severity, subject) =
            (row.severity.unwrap_or("score"), row.subject.as_deref().unwrap_or("-"));
        text.push_str(&line(
            [row.id, row.kind, severity, families, subject, row.state],
            &[&row.missing[..], &row.weaker[..]].concat().join("; "),
        ));
    }
    output::stdout(text.as_bytes())
}

/// Returns the rules of a chain that say less without reference data that is not there.
pub(super) fn weaker_on(chain: &Chain, reference: &Reference) -> Vec<(&'static str, Need)> {
    let registry = Registry::default();
    let of_chain = registry.iter().filter(|rule| rule.meta.families.contains(&chain.family));
    let weaker = of_chain.filter_map(|rule| {
        let need = missing(&rule.helped_by, chain, reference)?;
        Some((rule.id().as_str(), need))
    });
    weaker.collect()
}

/// Returns whether a rule is for one of these chains.
fn serves(meta: &RuleMeta, chains: &[Chain]) -> bool {
    chains.is_empty() || chains.iter().any(|chain| meta.families.contains(&chain.family))
}

fn default_chains() -> Vec<Chain> {
    [Chain::ETHEREUM, Chain::BITCOIN].into_iter().filter_map(|id| Chain::parse(id).ok()).collect()
}

fn listed(config: &Config, chains: &[Chain]) -> Result<Vec<Listed>, CliError> {
    let mut missing: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut weaker: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut weights: BTreeMap<&str, f64> = BTreeMap::new();
    let mut is_enabled: BTreeMap<&str, bool> = BTreeMap::new();
    for chain in chains {
        let setup = config.engine_setup(chain);
        let detect = setup.params.detect.clone();
        for id in detect.registry.ids() {
            *is_enabled.entry(id).or_default() |= detect.rules.get(id).is_none_or(|m| m.enabled);
        }
        for (id, entry) in models::TABLE.iter().map(|e| (e.meta.id, e)) {
            let member = detect.models.get(id);
            *is_enabled.entry(id).or_default() |= member.is_none_or(|m| m.enabled);
            let weight = member.and_then(|m| m.weight).unwrap_or(entry.weight);
            let greatest = weights.entry(id).or_default();
            *greatest = greatest.max(weight);
        }
        for (rule, need) in weaker_on(chain, &setup.reference) {
            weaker.entry(rule).or_default().push(format!("{chain}: weaker: {}", need_text(need)));
        }
        for rule in detect.registry.iter().filter(|rule| !serves(&rule.meta, chains)) {
            missing.insert(rule.id().as_str(), vec!["no input of such a chain".to_owned()]);
        }
        let engine =
            Engine::new(setup).map_err(|e| CliError::Config(crate::pipeline::causes(&e)))?;
        let is_for = |id: &str| {
            detect.registry.get(id).is_some_and(|rule| rule.meta.families.contains(&chain.family))
        };
        for (rule, need) in engine.not_evaluable().into_iter().filter(|(id, _)| is_for(id)) {
            let texts = missing.entry(rule).or_default();
            texts.push(format!("{chain}: {}", need_text(need)));
        }
    }
    let mut row = |id: &'static str, kind, title: &str| {
        let missing = missing.remove(id).unwrap_or_default();
        let weaker = weaker.remove(id).unwrap_or_default();
        let weight = weights.get(id).copied();
        let is_claimant = models::TABLE.iter().any(|e| e.meta.id == id && e.is_claimant);
        let state = match (is_enabled.get(id), missing.is_empty()) {
            (Some(false), _) => "disabled",
            (_, false) => "not_evaluable",
            _ if weight == Some(0.0) && !is_claimant => "weight_0",
            _ => "enabled",
        };
        let (severity, families, subject) = (None, Vec::new(), None);
        let title = title.to_owned();
        Listed { id, kind, title, severity, families, subject, state, missing, weaker, weight }
    };
    let mut rows = Vec::new();
    for meta in Registry::default().iter().map(|rule| &rule.meta) {
        rows.push(Listed {
            severity: Some(meta.severity.as_str()),
            families: meta.families.iter().map(word).collect(),
            subject: Some(meta.subject.clone()),
            ..row(meta.id.as_str(), "rule", &meta.title)
        });
    }
    for meta in models::TABLE.iter().map(|e| e.meta) {
        let kind = match meta.kind {
            crate::model::DetectorKind::Cluster => "cluster",
            _ => "statistical",
        };
        rows.push(row(meta.id, kind, meta.title));
    }
    Ok(rows)
}

/// Returns the name of a unit variant on the wire.
fn word(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}

fn show(id: &str) -> Result<(), CliError> {
    let registry = Registry::default();
    if let Some(rule) = registry.get(id) {
        return output::stdout(rule_text(rule).as_bytes());
    }
    if let Some(entry) = models::TABLE.iter().find(|e| e.meta.id == id) {
        return output::stdout(model_text(entry.meta, &(entry.defaults)()).as_bytes());
    }
    let ids = registry.ids().chain(models::TABLE.iter().map(|e| e.meta.id));
    Err(CliError::Usage(match nearest(id, ids) {
        Some(meant) => format!("no rule or model {id:?} (did you mean {meant:?}?)"),
        None => format!("no rule or model {id:?}; see `txwarden rules list`"),
    }))
}

fn rule_text(rule: &Registered) -> String {
    let meta = &rule.meta;
    let families: Vec<_> = meta.families.iter().map(word).collect();
    let mut text = heading(meta.id.as_str(), &meta.title, &meta.description);
    let _ = writeln!(text, "severity  {}", meta.severity.as_str());
    let _ = writeln!(text, "chains    {}", families.join(", "));
    let _ = writeln!(text, "subject   {}", meta.subject);
    for need in &meta.needs {
        let _ = writeln!(text, "needs     quiet when there is {}", need_text(*need));
    }
    for need in &rule.helped_by {
        let _ = writeln!(text, "helped    says less when there is {}", need_text(*need));
    }
    section(&mut text, "parameters", parameters(&rule.defaults));
    section(&mut text, "false positives", meta.false_positives.iter().cloned());
    section(&mut text, "references", meta.references.iter().cloned());
    text
}

fn model_text(meta: &ModelMeta, defaults: &Value) -> String {
    let mut text = heading(meta.id, meta.title, meta.description);
    let _ = writeln!(text, "kind  {}\nunit  {}", word(&meta.kind), meta.unit);
    section(&mut text, "parameters", parameters(defaults));
    section(&mut text, "references", meta.references.iter().map(|s| (*s).to_owned()));
    text
}

/// Width of running text.
const TEXT_MAX: usize = 90;

fn heading(id: &str, title: &str, description: &str) -> String {
    format!("{id}: {title}\n\n{}\n", layout::wrap(description, "", TEXT_MAX))
}

fn parameters(defaults: &Value) -> impl Iterator<Item = String> {
    defaults.as_object().into_iter().flatten().map(|(name, value)| format!("{name}: {value}"))
}

fn section(text: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    for (i, line) in lines.enumerate() {
        if i == 0 {
            let _ = writeln!(text, "\n{title}");
        }
        let _ = writeln!(text, "  {line}");
    }
}
