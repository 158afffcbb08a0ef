//! Whole logs into an engine: repeats, holes, disorder, reorgs, late and broken records.

use crate::{
    corpus::{Case, Corpus},
    judge::caught,
    mutate::mutate,
    target::{Report, settings},
};
use rand::{Rng, seq::SliceRandom};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::time::Instant;
use txwarden::{
    decode::{Format, Settings},
    engine::{Action, Engine, Params, Setup, Stats},
    model::{Chain, Family, Record},
    pipeline::{Driver, Fits},
    sim::{Evm, Scenario, Utxo},
};

/// Records of the simulated chain that a log is cut from.
const LINES: usize = 3_000;
/// The longest log.
const LOG_MAX: usize = 1_200;
const ACCOUNTS_MAX: usize = 256;

/// Folds logs until a moment, at least two.
pub fn run(family: Family, rng: &mut Xoshiro256PlusPlus, until: Instant, report: &mut Report) {
    let lines = lines(family, rng.r#gen());
    let mut n_logs = 0;
    while n_logs < 2 || Instant::now() < until {
        n_logs += 1;
        let log = log(&lines, rng);
        let cut = rng.gen_range(0..log.len());
        match fold(family, &log, cut) {
            Ok(stats) => {
                report.n_executions += stats.n_records;
                report.n_accepted += stats.n_decoded;
            }
            Err(what) => {
                report.n_executions += 1;
                report.fail(&log.join(&b'\n'), &what);
            }
        }
    }
}

fn lines(family: Family, seed: u64) -> Vec<Vec<u8>> {
    let scenario = match family {
        Family::Evm => Scenario::new(seed).evm(Evm { n_blocks: 150, ..Evm::default() }),
        Family::Utxo => Scenario::new(seed).utxo(Utxo { n_blocks: 150, ..Utxo::default() }),
    };
    let lines = scenario.lines().map(|line| line.json.into_bytes());
    lines.take(LINES).collect()
}

/// Cuts a log out of the chain, and does to it what a bus, a node and a stranger may do.
fn log(lines: &[Vec<u8>], rng: &mut Xoshiro256PlusPlus) -> Vec<Vec<u8>> {
    let from = rng.gen_range(0..lines.len() / 2);
    let mut log: Vec<Vec<u8>> =
        lines[from..].iter().take(rng.gen_range(50..800)).cloned().collect();
    for _ in 0..rng.gen_range(1..12) {
        let at = rng.gen_range(0..log.len());
        let end = (at + rng.gen_range(1..200)).min(log.len());
        match rng.gen_range(0..7) {
            // An exporter starts again further back.
            0 => {
                let again = log[at..end].to_vec();
                log.splice(end..end, again);
            }
            // Blocks that were never published.
            1 => drop(log.drain(at..end)),
            // Partitions that were mixed.
            2 => log[at..end].shuffle(rng),
            // What comes much too late.
            3 => {
                let late = log.remove(at);
                log.push(late);
            }
            // Other blocks at the same heights: a reorg, and sometimes back again.
            4 | 5 => {
                let (old, salt) = (log[at..end].to_vec(), rng.gen_range(b'1'..=b'9'));
                let new: Vec<_> = old.iter().map(|line| forked(line, salt)).collect();
                log.splice(end..end, new);
                if rng.gen_bool(0.3) {
                    log.extend(old);
                }
            }
            _ => {
                let value = log[at].clone();
                let seeds =
                    Corpus { cases: vec![Case { value, ..Case::default() }], words: vec![] };
                log[at] = mutate(&seeds, rng).value;
            }
        }
        if log.is_empty() {
            log.push(lines[from].clone());
        }
    }
    log.truncate(LOG_MAX);
    log
}

/// Returns a line whose block, and its parent, have other hashes.
fn forked(line: &[u8], salt: u8) -> Vec<u8> {
    let mut line = line.to_vec();
    for name in [&b"\"block_hash\""[..], b"\"parent_hash\"", b"\"hash\""] {
        let found = line.windows(name.len()).position(|w| w == name).map(|at| at + name.len());
        let is_block = line.windows(7).any(|w| w == b"\"block\"");
        if name == b"\"hash\"" && !is_block {
            continue;
        }
        let quote = found.and_then(|at| Some(at + line[at..].iter().position(|b| *b == b'"')?));
        // Behind 0x, where there is one: any hex digit will do.
        if let Some(digit) = quote.and_then(|at| line.get_mut(at + 4)) {
            *digit = salt;
        }
    }
    line
}

fn setup(family: Family) -> (Setup, Settings) {
    let (chain, format) = match family {
        Family::Evm => (Chain::ETHEREUM, Format::EthereumEtl),
        Family::Utxo => (Chain::BITCOIN, Format::BitcoinEtl),
    };
    let mut params = Params { seed: 7, ..Params::default() };
    // Small tables: evictions, and the edges of the journal, are part of it.
    params.state.accounts_max = ACCOUNTS_MAX;
    params.state.edges_max = 1_024;
    params.state.transfers_max = 512;
    params.state.outputs_max = 512;
    params.state.conflicts_max = 512;
    params.state.dedup_max = 1_024;
    params.state.journal_blocks_max = 16;
    let setup = Setup {
        params,
        config_hash: "fuzz".to_owned(),
        ..Setup::new(Chain::parse(chain).unwrap())
    };
    (setup, settings(format, chain))
}

/// Folds a log twice, the second time through a snapshot, and compares.
fn fold(family: Family, log: &[Vec<u8>], cut: usize) -> Result<Stats, String> {
    let (setup, settings) = setup(family);
    let whole = caught(|| {
        let mut driver = Driver::new(setup.clone(), Fits::Inline).unwrap();
        let actions = feed(&mut driver, &settings, log, 0);
        (driver.stats().clone(), driver.engine().state().n_accounts(), actions)
    });
    let (stats, n_accounts, actions) = whole.map_err(|text| format!("panicked: {text}"))?;
    let restored = caught(|| {
        let mut driver = Driver::new(setup.clone(), Fits::Inline).unwrap();
        let mut actions = feed(&mut driver, &settings, &log[..cut], 0);
        let bytes = driver.freeze().encode().unwrap();
        let mut driver = Driver::over(Engine::restore(setup, &bytes).unwrap(), Fits::Inline);
        actions.extend(feed(&mut driver, &settings, &log[cut..], cut));
        actions
    });
    let restored = restored.map_err(|text| format!("panicked after a snapshot: {text}"))?;
    if actions != restored {
        return Err(format!("a snapshot before record {cut} changes the answer"));
    }
    let n_dead: u64 = stats.dead_letters.values().sum();
    // A part of which all was known before is decoded, and then skipped as a duplicate.
    let n_known = stats.skipped.get("duplicate").copied().unwrap_or_default();
    let n_skipped = stats.skipped.values().sum::<u64>() - n_known;
    if stats.n_records != log.len() as u64 {
        return Err(format!("{} of {} records", stats.n_records, log.len()));
    }
    if stats.n_parts != stats.n_decoded + n_dead + n_skipped || n_known > stats.n_decoded {
        return Err(format!(
            "{} parts: {} decoded, {n_dead} dead letters, {n_skipped} skipped",
            stats.n_parts, stats.n_decoded
        ));
    }
    let n_letters = actions.iter().filter(|action| action.contains("txwarden.deadletter")).count();
    if n_letters as u64 != n_dead {
        return Err(format!("{n_letters} dead letters left the engine, {n_dead} were counted"));
    }
    if n_accounts > ACCOUNTS_MAX {
        return Err(format!("{n_accounts} accounts are remembered, {ACCOUNTS_MAX} may be"));
    }
    Ok(stats)
}

/// Returns what leaves the engine as text.
fn feed(driver: &mut Driver, settings: &Settings, log: &[Vec<u8>], first: usize) -> Vec<String> {
    let mut actions = Vec::new();
    for (i, value) in log.iter().enumerate() {
        let record = Record {
            topic: "fuzz",
            offset: (first + i) as i64,
            kafka_ms: Some(1_800_000_000_000),
            value: Some(value),
            ..Record::default()
        };
        driver.feed(settings, record, &mut actions);
    }
    let text = |action: &Action| match action {
        Action::Alert(alert) => serde_json::to_string(alert).ok(),
        Action::DeadLetter(letter) => serde_json::to_string(letter).ok(),
        _ => None,
    };
    actions.iter().filter_map(text).collect()
}
