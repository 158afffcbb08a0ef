//! The oracle: the pure engine folded over the input, and the comparison with what was written.

use crate::{
    job::Job,
    traffic::{Chain, Feed, Traffic},
};
use rdkafka::{
    Message as _,
    message::{Headers, OwnedMessage},
};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, path::Path};
use txwarden::{
    audit,
    config::Config,
    engine::{Action, DeadLetter, Engine},
    kafka::producer::Message,
    model::{Alert, Record},
    pipeline::{
        Driver, Fits, InputParams,
        message::{self, DeadLetterOrigin},
    },
};

/// Fewer alerts would prove little.
const ALERTS_MIN: usize = 20;

/// What the pure engine makes of some traffic, feed by feed. Topic names are not yet known.
#[derive(Clone)]
pub struct Expected {
    feeds: Vec<Fold>,
}

#[derive(Clone)]
struct Fold {
    alerts: Vec<Alert>,
    /// Dead letters; offsets are those of the feed.
    letters: Vec<DeadLetter>,
}

/// Returns where an engine that is restored every so many records differs from one that is not.
pub fn restored(traffic: &Traffic, every: usize) -> Result<usize, String> {
    let folded = Expected::fold_restoring(traffic, Some(every));
    let pairs = traffic.expected().feeds.iter().zip(&folded.feeds);
    for (i, (expected, found)) in pairs.enumerate() {
        for (n, (a, b)) in expected.alerts.iter().zip(&found.alerts).enumerate() {
            if a != b {
                let (a, b) = (serde_json::to_string(a).unwrap(), serde_json::to_string(b).unwrap());
                return Err(format!("feed {i}, every {every}, alert {n} differs\n{a}\n{b}"));
            }
        }
        if expected.alerts.len() != found.alerts.len() {
            return Err(format!("feed {i}, every {every}: another number of alerts"));
        }
    }
    Ok(traffic.expected().feeds.iter().map(|fold| fold.alerts.len()).sum())
}

/// How exactly alerts must agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Every byte, provenance and hash chain included, and the dead letters as well.
    Exact,
    /// Canonical bodies in order: the transport or the batching differs.
    Canonical,
}

/// How much there was to compare.
#[derive(Clone, Copy, Debug)]
pub struct Compared {
    pub n_alerts: usize,
    pub n_dead_letters: usize,
}

impl Expected {
    /// Folds every feed through an engine of its own.
    pub fn fold(traffic: &Traffic) -> Self {
        Self::fold_restoring(traffic, None)
    }

    /// Folds every feed, restoring the engine from its image every so many records.
    pub fn fold_restoring(traffic: &Traffic, restore_every: Option<usize>) -> Self {
        let config = Config::parse("oracle", Path::new(""), &crate::job::engine_yaml(), &|_| None);
        let config = config.unwrap();
        let aside =
            |i: usize| traffic.aside.filter(|(feed, _)| *feed == i).map(|(_, offset)| offset);
        let feeds = traffic.feeds.iter().enumerate();
        let feeds: Vec<Fold> =
            feeds.map(|(i, feed)| fold(&config, feed, aside(i), restore_every)).collect();
        // Vacuity: a comparison of nothing proves nothing.
        let n_alerts: usize = feeds.iter().map(|fold| fold.alerts.len()).sum();
        assert!(n_alerts >= ALERTS_MIN, "only {n_alerts} alerts");
        assert!(feeds.iter().all(|fold| !fold.letters.is_empty()), "no dead letters");
        Self { feeds }
    }
}

fn fold(config: &Config, feed: &Feed, aside: Option<usize>, restore_every: Option<usize>) -> Fold {
    let (format, chain) = feed.chain.input();
    let input = InputParams {
        topic: String::new(),
        format,
        chain: chain.to_owned(),
        mapping: None,
        envelope: Default::default(),
        schemas: None,
        allow_partitions: true,
        allow_batch: true,
    };
    let settings = config.settings(&input).unwrap();
    let setup = config.engine_setup(&settings.chain);
    let mut driver = Driver::new(setup.clone(), Fits::Inline).unwrap();
    let (mut actions, mut fold) = (Vec::new(), Fold { alerts: Vec::new(), letters: Vec::new() });
    for (offset, (value, ms)) in feed.lines.iter().enumerate() {
        if restore_every.is_some_and(|every| offset % every == every - 1) {
            let image = driver.freeze().encode().unwrap();
            driver = Driver::over(Engine::restore(setup.clone(), &image).unwrap(), Fits::Inline);
        }
        let record = Record {
            partition: feed.partition,
            offset: offset as i64,
            kafka_ms: Some(*ms),
            key: Some(b"original key"),
            value: Some(value),
            ..Record::default()
        };
        if aside == Some(offset) {
            driver.set_aside(&settings, record, &mut actions);
        } else {
            driver.feed(&settings, record, &mut actions);
        }
        for action in actions.drain(..) {
            match action {
                Action::Alert(alert) => fold.alerts.push(*alert),
                Action::DeadLetter(letter) => fold.letters.push(*letter),
                Action::Finding(_) | Action::Fit(_) | Action::Scored(_) => {}
            }
        }
    }
    fold
}

/// Compares everything that was written and committed with the oracle.
///
/// # Errors
/// What differs first.
pub fn compare(job: &Job<'_>, how: How) -> Result<Compared, String> {
    let written = job.broker.read_committed(&job.alerts);
    let aside = job.broker.read_committed(&job.dead_letters);
    let aside = aside.iter().filter(|m| reason(m) == Some(b"crash_loop"));
    let n_aside = aside.count();
    if n_aside != usize::from(job.traffic.aside.is_some()) {
        return Err(format!("{n_aside} records were set aside as crash_loop"));
    }
    let by_place = sort(&written)?;
    let mut n_alerts = 0;
    for (feed, fold) in job.traffic.feeds.iter().zip(&job.traffic.expected().feeds) {
        let place = (job.topic(feed.chain).to_owned(), feed.partition);
        let found = by_place.get(&place).map_or(&[][..], Vec::as_slice);
        let what = format!("alerts of {} partition {}", place.0, place.1);
        alerts(found, fold, &place, job, how).map_err(|why| format!("{what}: {why}"))?;
        n_alerts += fold.alerts.len();
    }
    if written.len() != n_alerts {
        return Err(format!("{} alerts written, {n_alerts} expected", written.len()));
    }
    let n_dead_letters = dead_letters(job, how)?;
    Ok(Compared { n_alerts, n_dead_letters })
}

fn reason(letter: &OwnedMessage) -> Option<&[u8]> {
    letter.headers()?.iter().find(|header| header.key == "dlq-reason")?.value
}

/// Sorts messages by the input partition that they came from, and checks that each partition of
/// the alert topic holds them in the order of their sequence.
fn sort(written: &[OwnedMessage]) -> Result<BTreeMap<(String, i32), Vec<&OwnedMessage>>, String> {
    let mut places: BTreeMap<(String, i32), Vec<(u64, &OwnedMessage)>> = BTreeMap::new();
    let mut last: BTreeMap<(i32, String, i32), u64> = BTreeMap::new();
    for m in written {
        let body: Value = serde_json::from_slice(m.payload().unwrap_or_default())
            .map_err(|e| format!("an alert is no JSON: {e}"))?;
        let p = &body["provenance"];
        let (topic, partition, seq) = (p["topic"].as_str(), p["partition"].as_i64(), &p["seq"]);
        let (Some(topic), Some(partition), Some(seq)) = (topic, partition, seq.as_u64()) else {
            return Err(format!("an alert has no provenance: {p}"));
        };
        let place = (topic.to_owned(), partition as i32);
        let lane = (m.partition(), place.0.clone(), place.1);
        if let Some(before) = last.insert(lane, seq)
            && before >= seq
        {
            let at = (m.partition(), m.offset());
            return Err(format!("out of order: {place:?} seq {seq} after {before} at {at:?}"));
        }
        places.entry(place).or_default().push((seq, m));
    }
    let in_order = |mut found: Vec<(u64, _)>| {
        found.sort_by_key(|(seq, _)| *seq);
        found.into_iter().map(|(_, m)| m).collect()
    };
    Ok(places.into_iter().map(|(place, found)| (place, in_order(found))).collect())
}

fn alerts(
    found: &[&OwnedMessage],
    fold: &Fold,
    place: &(String, i32),
    job: &Job<'_>,
    how: How,
) -> Result<(), String> {
    let mut chain = audit::HashChain::new(&place.0, place.1);
    let (mut head, source) = (None, format!("/txwarden/{}", job.group));
    for (i, alert) in fold.alerts.iter().enumerate() {
        let mut alert = alert.clone();
        alert.provenance.topic.clone_from(&place.0);
        let body = chain.seal(&mut alert).unwrap();
        let expected = message::of_alert(&alert, body, &source);
        let Some(m) = found.get(i) else {
            return Err(format!("{} of {} are missing", fold.alerts.len() - i, fold.alerts.len()));
        };
        let written = m.payload().unwrap_or_default();
        let is_same = match how {
            How::Exact => is_equal(m, &expected),
            How::Canonical => canonical(written) == canonical(&expected.body),
        };
        if !is_same {
            let (ours, theirs) = (String::from_utf8_lossy(&expected.body), lossy(written));
            return Err(format!("alert {} differs\nexpected {ours}\nwritten  {theirs}", i + 1));
        }
        head = Some(link(written, head)?);
    }
    if found.len() > fold.alerts.len() {
        return Err(format!("{} written, {} expected", found.len(), fold.alerts.len()));
    }
    Ok(())
}

/// Compares key, body and headers, but for the one that holds our clock.
fn is_equal(written: &OwnedMessage, expected: &Message) -> bool {
    let headers: Vec<(&str, String)> = written.headers().map_or_else(Vec::new, |found| {
        let found = found.iter().filter(|h| h.key != "emitted_at_ms");
        found.map(|h| (h.key, lossy(h.value.unwrap_or_default()))).collect()
    });
    written.key() == expected.key.as_deref()
        && written.payload() == Some(expected.body.as_slice())
        && headers == expected.headers
}

/// Checks one link of the chain the way a third party would, and returns its hash.
fn link(body: &[u8], head: Option<String>) -> Result<String, String> {
    let text = lossy(body);
    let after = |key: &str| text.split(key).nth(1).and_then(|rest| rest.get(..64));
    let (Some(prev), Some(hash)) = (after("\"prev_hash\":\""), after("\",\"hash\":\"")) else {
        return Err("an alert has no hashes".to_owned());
    };
    if head.is_some_and(|head| head != prev) {
        return Err(format!("the chain is broken before {hash}"));
    }
    let blank = text.replace(&format!("\"hash\":\"{hash}\""), &format!("\"hash\":\"{:064}\"", 0));
    let computed: String = Sha256::digest(blank).iter().map(|b| format!("{b:02x}")).collect();
    if computed != hash {
        return Err(format!("the hash {hash} is not that of the body"));
    }
    Ok(hash.to_owned())
}

fn dead_letters(job: &Job<'_>, how: How) -> Result<usize, String> {
    let bag = |all: Vec<(Vec<u8>, Vec<u8>)>| {
        let mut counts = BTreeMap::new();
        for one in all {
            *counts.entry(one).or_insert(0usize) += 1;
        }
        counts
    };
    let mut expected = Vec::new();
    for (feed, fold) in job.traffic.feeds.iter().zip(&job.traffic.expected().feeds) {
        for letter in &fold.letters {
            let mut letter = letter.clone();
            letter.topic = job.topic(feed.chain).to_owned();
            let at = DeadLetterOrigin {
                topic: &letter.topic,
                partition: letter.partition,
                offset: letter.offset,
                key: Some(b"original key"),
                reason: letter.reason.as_str(),
                disposition: letter.disposition.as_str(),
            };
            let made = message::of_dead_letter(&letter, at).unwrap();
            expected.push((made.key.unwrap_or_default(), made.body));
        }
    }
    let n = expected.len();
    let written =
        job.broker.read_committed(&job.dead_letters).into_iter().map(|m| {
            (m.key().unwrap_or_default().to_vec(), m.payload().unwrap_or_default().to_vec())
        });
    let (expected, written) = (bag(expected), bag(written.collect()));
    if how == How::Canonical || expected == written {
        return Ok(n);
    }
    let differs = |a: &BTreeMap<_, usize>, b: &BTreeMap<_, usize>| {
        let first = a.iter().find(|(letter, n)| b.get(*letter) != Some(*n));
        first.map(|((_, body), n): (&(Vec<u8>, Vec<u8>), _)| format!("{n} × {}", lossy(body)))
    };
    let (ours, theirs) = (differs(&expected, &written), differs(&written, &expected));
    Err(format!("dead letters differ\nexpected {ours:?}\nwritten  {theirs:?}"))
}

fn canonical(body: &[u8]) -> Option<String> {
    serde_json::from_slice::<Alert>(body).ok()?.canonical_body().ok()
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Chain {
    /// Returns the format and the chain of an input.
    fn input(self) -> (txwarden::decode::Format, &'static str) {
        match self {
            Self::Evm => (txwarden::decode::Format::EthereumEtl, "eip155:1"),
            Self::Utxo => (txwarden::decode::Format::BitcoinEtl, BITCOIN),
        }
    }
}

/// CAIP-2 of Bitcoin's main chain.
pub const BITCOIN: &str = "bip122:000000000019d6689c085ae165831e93";
