//! The table of targets, and how one is run until its time is over.

use crate::{
    bomb,
    corpus::{Case, Corpus},
    judge::{Judge, Seen},
    mutate::mutate,
    sequence, wrapped,
};
use rand::SeedableRng;
use rand_xoshiro::Xoshiro256PlusPlus;
use std::{
    collections::BTreeSet,
    fmt, fs,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use txwarden::{
    config::{load_mapping, load_schemas},
    decode::{
        Envelope, Format, Mapping, Settings, Wrapping,
        envelope::{Layer, SchemaKind, SchemaText, Schemas},
    },
    model::{Chain, Family},
};

/// Failures that are kept of one target: the rest say the same.
const FAILURES_MAX: usize = 3;

/// The mappings that ship, by their names.
const MAPPINGS: [&str; 9] = [
    "binance_market",
    "coinbase_market",
    "ethereum_csv",
    "exchange",
    "in_house",
    "solana",
    "tron",
    "tron_transfers_hex",
    "xrpl",
];

/// A payment, and one inside another.
const PROTO: &str = "syntax = \"proto3\"; message Pay { string id = 1; string amount = 2; \
                     string to = 3; Pay next = 4; repeated int64 list = 5; }";

/// One thing that is fuzzed.
pub struct Target {
    pub name: String,
    kind: Kind,
}

enum Kind {
    /// Records by these settings, mutated from seeds.
    Records { settings: Box<Settings>, corpus: fn(&str) -> Corpus },
    /// Records that are as large and as bad as can be, each once.
    Bombs,
    /// Whole logs into an engine.
    Sequences(Family),
}

/// What came of a target.
#[derive(Default)]
pub struct Report {
    name: String,
    pub n_executions: u64,
    pub n_accepted: u64,
    n_kinds: usize,
    n_bytes_peak: usize,
    /// Slowest, of those that are large enough to be timed: per MiB.
    slowest: Duration,
    pub failures: Vec<String>,
}

impl Report {
    pub const HEAD: &str =
        "target                   executions   accepted   kinds   peak KiB   ms/MiB";

    /// Adds what one input showed.
    pub fn add(&mut self, seen: &Seen, n_bytes: usize) {
        self.n_accepted += u64::from(seen.is_accepted);
        self.n_bytes_peak = self.n_bytes_peak.max(seen.n_bytes_peak);
        if let Some(took) = seen.took {
            let mib = (n_bytes as f64 / f64::from(1 << 20)).max(0.001);
            self.slowest = self.slowest.max(took.div_f64(mib));
        }
    }

    /// Writes down an input that broke a promise.
    pub fn fail(&mut self, input: &[u8], what: &str) {
        if self.failures.len() >= FAILURES_MAX {
            return;
        }
        let dir = crashes().join(&self.name);
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join(format!("{}.bin", self.n_executions));
        fs::write(&path, input).unwrap();
        self.failures.push(format!("{}: {what}\n  input: {}", self.name, path.display()));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, n_executions, n_accepted, n_kinds, n_bytes_peak, slowest, failures } =
            self;
        let (kib, ms) = (n_bytes_peak >> 10, slowest.as_secs_f64() * 1e3);
        write!(
            f,
            "{name:<24} {n_executions:>10} {n_accepted:>10} {n_kinds:>7} {kib:>10} {ms:>8.1}"
        )?;
        if failures.is_empty() { Ok(()) } else { write!(f, "  {} FAILED", failures.len()) }
    }
}

/// Where inputs are written that broke a promise.
fn crashes() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("fuzz")
}

impl Target {
    /// Returns every target.
    pub fn all() -> Vec<Self> {
        let records = |name: String, settings, corpus| Self {
            name,
            kind: Kind::Records { settings: Box::new(settings), corpus },
        };
        let mut all = Vec::new();
        for format in Format::ALL.iter().copied().filter(|format| *format != Format::Mapped) {
            let settings = settings(format, format.default_chain());
            all.push(records(format.as_str().to_owned(), settings, of_format));
        }
        for name in MAPPINGS {
            all.push(records(format!("mapped/{name}"), mapped(name), of_format));
        }
        for layer in Layer::ALL {
            let envelope = enveloped(Wrapping::Layers(vec![layer]), layer);
            all.push(records(format!("envelope/{}", layer.as_str()), envelope, of_envelope));
        }
        let auto = enveloped(Wrapping::Auto, Layer::Confluent);
        all.push(records("envelope/auto".to_owned(), auto, of_envelope));
        all.push(Self { name: "bombs".to_owned(), kind: Kind::Bombs });
        for family in [Family::Evm, Family::Utxo] {
            let name = if family == Family::Evm { "sequence/evm" } else { "sequence/utxo" };
            all.push(Self { name: name.to_owned(), kind: Kind::Sequences(family) });
        }
        all
    }

    /// Runs the target until a moment; seeds are all judged, however late it is.
    pub fn run(&self, seed: u64, until: Instant) -> Report {
        let mut report = Report { name: self.name.clone(), ..Report::default() };
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        match &self.kind {
            Kind::Records { settings, corpus } => {
                records(settings, corpus(&self.name), &mut rng, until, &mut report);
            }
            Kind::Bombs => bomb::run(&mut report),
            Kind::Sequences(family) => sequence::run(*family, &mut rng, until, &mut report),
        }
        report
    }
}

fn records(
    settings: &Settings,
    mut corpus: Corpus,
    rng: &mut Xoshiro256PlusPlus,
    until: Instant,
    report: &mut Report,
) {
    let (mut judge, mut kinds) = (Judge::default(), BTreeSet::new());
    let mut once = |case: &Case, report: &mut Report| {
        report.n_executions += 1;
        match judge.judge(settings, case) {
            Ok(seen) => {
                report.add(&seen, case.value.len());
                kinds.insert(seen.signature)
            }
            Err(what) => {
                report.fail(&case.value, &what);
                false
            }
        }
    };
    let old = fs::read_dir(crashes().join(&report.name)).into_iter().flatten().flatten();
    let mut first: Vec<Case> = old
        .filter_map(|entry| fs::read(entry.path()).ok())
        .map(|value| Case { value, ..Case::default() })
        .collect();
    first.extend(corpus.cases.iter().cloned());
    for case in &first {
        once(case, report);
    }
    while Instant::now() < until {
        // The clock is asked once in a while.
        for _ in 0..64 {
            let case = mutate(&corpus, rng);
            if once(&case, report) {
                corpus.keep(case, report.n_executions);
            }
        }
    }
    report.n_kinds = kinds.len();
}

pub fn settings(format: Format, chain: &str) -> Settings {
    Settings::new(format, Chain::parse(chain).unwrap())
}

fn mapped(name: &str) -> Settings {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mapping = load_mapping(&root.join(format!("config/mappings/{name}.yaml"))).unwrap();
    let chain = match name {
        "ethereum_csv" => Chain::ETHEREUM,
        "tron" | "tron_transfers_hex" => "tron:0x2b6653dc",
        "solana" => "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp",
        "xrpl" => "xrpl:0",
        _ => "venue:house",
    };
    Settings { mapping: Some(mapping), ..settings(Format::Mapped, chain) }
}

/// Settings of an envelope, around payments with `id`, `amount` and `to`.
pub fn enveloped(wrapping: Wrapping, layer: Layer) -> Settings {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/decode/envelope/schemas");
    let one = |kind, text| {
        let schema = SchemaText { kind, text, resolved: Vec::new() };
        Arc::new(Schemas::of_one(schema).unwrap())
    };
    let schemas = match layer {
        Layer::Confluent => {
            let confluent = Wrapping::Layers(vec![Layer::Confluent]);
            load_schemas(&confluent, Some(&dir)).unwrap()
        }
        Layer::Avro => one(SchemaKind::Avro, fs::read_to_string(dir.join("7.avsc")).unwrap()),
        Layer::Protobuf => one(SchemaKind::Protobuf, PROTO.to_owned()),
        _ => Arc::default(),
    };
    let mapping: Mapping = serde_json::from_value(serde_json::json!({"records": [{
        "kind": "payment",
        "id": {"path": "id", "form": "text"},
        "from": {"prefix": "house"},
        "to": {"paths": ["to"]},
        "amount": {"path": "amount", "decimals": 18},
    }]}))
    .unwrap();
    let mapping = Some(Arc::new(mapping));
    let envelope = Envelope { wrapping, schemas };
    Settings { envelope, mapping, ..settings(Format::Mapped, "venue:house") }
}

/// The fixtures of a format, or of one mapping.
fn of_format(name: &str) -> Corpus {
    let files = ["valid", "hostile", "truncated"].map(|file| format!("{name}/{file}.jsonl"));
    let plain = name.split('/').next().unwrap_or(name);
    let shared = ["valid", "hostile", "truncated"].map(|file| format!("{plain}/{file}.jsonl"));
    let mut files = [files, shared].concat();
    files.sort();
    files.dedup();
    Corpus::of(&files).and_shared(plain)
}

/// The fixtures of envelopes, and a payment in this one.
fn of_envelope(name: &str) -> Corpus {
    let layer = name.trim_start_matches("envelope/");
    let files = ["layers", "registry"].map(|file| format!("envelope/{file}.jsonl"));
    let corpus = Corpus::of(&files).and_shared(layer);
    wrapped::payments(layer).into_iter().fold(corpus, Corpus::and)
}
