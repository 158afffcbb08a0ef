//! Explains every record that the hashes do not vouch for, and every number without a record.

use super::{
    heads,
    order::displaced,
    path::{self, HashPath},
    record::{ChainEntry, Soundness},
    report::{Anchor, ChainReport, VerifyReport, Violation, ViolationKind},
    trail::Trail,
};
use crate::audit::genesis;
use std::collections::BTreeMap;

/// The most findings that are kept; after the first one the rest is seldom news.
const FINDINGS_MAX: usize = 1_000;

/// Where verification starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Since {
    #[default]
    Genesis,
    /// Behind the checkpoint with this sequence number, in chains that have it.
    Checkpoint(u64),
    /// Behind each chain's last checkpoint.
    Latest,
    /// Behind the first checkpoint from which each chain's records are all there.
    First,
}

/// One chain under judgement.
pub(super) struct ChainCase {
    pub(super) path: HashPath,
    /// Numbers without an accepted record: first to last, both inclusive.
    gaps: BTreeMap<u64, u64>,
    /// The last number that is accounted for.
    end: u64,
    /// Up to here nothing is judged.
    pub(super) floor: u64,
}

/// Judges everything that was read.
pub fn judge(mut trail: Trail, since: Since) -> VerifyReport {
    let mut cases = cases(&trail, since);
    let mut findings = std::mem::take(&mut trail.findings);
    strays(&trail, &mut cases, &mut findings);
    let mut chains = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        gaps(&trail, number, case, &mut findings);
        swaps(&trail, number, case, &mut findings);
        let agreed = heads::compare(&trail, number, case, &mut findings);
        if !case.path.accepted.is_empty() || !trail.chains[number].heads.is_empty() {
            chains.push(describe(&trail, number, case, agreed));
        }
    }
    findings.retain(|f| {
        f.kind == ViolationKind::BadCheckpoint || f.seq == 0 || f.seq > floor_of(&trail, &cases, f)
    });
    findings.sort_by(|a, b| {
        let key = |f: &Violation| (f.at.is_none(), f.at.clone());
        key(a).cmp(&key(b)).then(a.seq.cmp(&b.seq))
    });
    for chain in &mut chains {
        let own = |f: &&Violation| f.topic == chain.topic && f.partition == chain.partition;
        chain.n_findings = findings.iter().filter(own).count() as u64;
    }
    let mut notes = notes(&trail, &chains);
    if findings.len() > FINDINGS_MAX {
        notes.push(format!("{} further findings are not shown", findings.len() - FINDINGS_MAX));
        findings.truncate(FINDINGS_MAX);
    }
    VerifyReport { is_intact: findings.is_empty(), chains, findings, notes }
}

fn cases(trail: &Trail, since: Since) -> Vec<ChainCase> {
    let mut sound = vec![Vec::new(); trail.chains.len()];
    for (i, entry) in trail.entries.iter().enumerate() {
        if entry.soundness == Soundness::Sound {
            sound[entry.chain as usize].push(i);
        }
    }
    let judged = trail.chains.iter().zip(&sound).map(|(links, sound)| {
        let path = path::trace(&trail.entries, sound, links);
        let first = path.accepted.keys().next().copied().unwrap_or(1);
        let floor = match since {
            Since::Genesis => None,
            Since::Checkpoint(seq) => links.heads.contains_key(&seq).then_some(seq),
            Since::Latest => links.heads.keys().next_back().copied(),
            Since::First => links.heads.range(first - 1..).next().map(|(seq, _)| *seq),
        };
        let floor = floor.unwrap_or(0);
        let last = path.accepted.keys().next_back().copied().unwrap_or(0);
        let end = links.heads.keys().next_back().copied().unwrap_or(0).max(last);
        let mut gaps = BTreeMap::new();
        let mut next = floor + 1;
        for &seq in path.accepted.range(next..).map(|(seq, _)| seq) {
            if seq > next {
                gaps.insert(next, seq - 1);
            }
            next = seq + 1;
        }
        if end >= next {
            gaps.insert(next, end);
        }
        ChainCase { path, gaps, end, floor }
    });
    judged.collect()
}

impl ChainCase {
    /// Accounts for a missing number strictly between two, preferably the one that is claimed.
    fn fill(&mut self, (after, before): (u64, u64), claimed: u64) -> Option<u64> {
        let inside = |seq: u64| seq > after && seq < before;
        let holds = |(from, to): (&u64, &u64)| *from <= claimed && claimed <= *to;
        let by_claim = self.gaps.range(..=claimed).next_back().filter(|gap| holds(*gap));
        let seq = if by_claim.is_some() && inside(claimed) {
            claimed
        } else {
            let mut candidates = self.gaps.iter().map(|(from, to)| (*from.max(&(after + 1)), *to));
            candidates.find(|(seq, to)| inside(*seq) && seq <= to)?.0
        };
        let (from, to) = self.gaps.range(..=seq).next_back().map(|(a, b)| (*a, *b))?;
        self.gaps.remove(&from);
        if from < seq {
            self.gaps.insert(from, seq - 1);
        }
        if seq < to {
            self.gaps.insert(seq + 1, to);
        }
        Some(seq)
    }
}

/// Explains the records that are not accepted: in place of a missing one, or too many.
fn strays(trail: &Trail, cases: &mut [ChainCase], findings: &mut Vec<Violation>) {
    let mut strays: Vec<usize> = cases.iter().flat_map(|c| c.path.strays.clone()).collect();
    let is_unsound = |i: &usize| trail.entries[*i].soundness != Soundness::Sound;
    strays.extend((0..trail.entries.len()).filter(is_unsound));
    strays.sort_unstable();
    for i in strays {
        let stray = &trail.entries[i];
        let (number, kind, seq) = explain(trail, cases, stray);
        let Some(links) = trail.chains.get(number) else {
            findings.push(nowhere(trail, stray));
            continue;
        };
        let (topic, partition) = (links.topic.clone(), links.partition);
        if let Some(last) = findings.last_mut()
            && (kind, last.kind) == (ViolationKind::Inserted, ViolationKind::Inserted)
            && (&last.topic, last.partition, last.seq) == (&topic, partition, seq)
        {
            last.n_records += 1;
            continue;
        }
        let at = Some(trail.place(stray.at));
        let (found, expected) = words(&cases[number], &trail.entries, stray, kind, seq);
        findings.push(Violation { kind, topic, partition, seq, n_records: 1, at, found, expected });
    }
}

/// Decides what a stray is: (chain, kind, sequence number).
fn explain(
    trail: &Trail,
    cases: &mut [ChainCase],
    stray: &ChainEntry,
) -> (usize, ViolationKind, u64) {
    let own = (stray.chain as usize).min(cases.len());
    let others = (0..cases.len()).filter(|&n| n != own);
    // A sound record says truly whose it is; another may belong anywhere.
    let candidates: Vec<usize> = match stray.soundness {
        Soundness::Sound => vec![own],
        _ => std::iter::once(own).filter(|&n| n < cases.len()).chain(others).collect(),
    };
    for &number in &candidates {
        let (before, after) = cases[number].path.around(stray.at);
        if number != own && before.is_none() && after.is_none() {
            continue;
        }
        let bounds = (before.unwrap_or(0), after.unwrap_or(u64::MAX));
        if let Some(seq) = cases[number].fill(bounds, stray.seq) {
            return (number, ViolationKind::Edited, seq);
        }
    }
    let is_near = |n: &usize| {
        let (before, after) = cases[*n].path.around(stray.at);
        before.is_some() || after.is_some()
    };
    let nearest = candidates.iter().copied().find(is_near);
    let number = if own < cases.len() && (is_near(&own) || nearest.is_none()) {
        own
    } else {
        nearest.unwrap_or(own)
    };
    let Some(case) = cases.get_mut(number) else { return (number, ViolationKind::Inserted, 0) };
    let (before, after) = case.path.around(stray.at);
    if let Some(after) = after {
        return (number, ViolationKind::Inserted, after);
    }
    // At the end nothing says that a record was there: one that claims to be the next was.
    let next = before.unwrap_or(0).max(case.end) + 1;
    let is_next = match stray.soundness {
        Soundness::Unreadable => true,
        _ => {
            let links = &trail.chains[number];
            let head = case.path.accepted.get(&(next - 1)).map(|&i| trail.entries[i].digest);
            let head = head.or((next == 1).then(|| genesis(&links.topic, links.partition)));
            stray.seq == next || head == Some(stray.prev)
        }
    };
    if is_next {
        case.end = next;
        return (number, ViolationKind::Edited, next);
    }
    (number, ViolationKind::Inserted, next)
}

fn nowhere(trail: &Trail, stray: &ChainEntry) -> Violation {
    Violation {
        kind: ViolationKind::Edited,
        topic: String::new(),
        partition: 0,
        seq: 0,
        n_records: 1,
        at: Some(trail.place(stray.at)),
        found: "no alert".to_owned(),
        expected: "an alert".to_owned(),
    }
}

/// Says what was found and what was expected.
fn words(
    case: &ChainCase,
    entries: &[ChainEntry],
    stray: &ChainEntry,
    kind: ViolationKind,
    seq: u64,
) -> (String, String) {
    let found = match stray.soundness {
        Soundness::Unreadable => "bytes that are no alert".to_owned(),
        Soundness::Altered => format!("bytes with hash {}", stray.digest),
        Soundness::Sound => format!("an alert with seq {} and hash {}", stray.seq, stray.digest),
    };
    let next = case.path.accepted.get(&(seq + 1)).map(|&i| entries[i].prev);
    let expected = match (kind, next) {
        (ViolationKind::Inserted, _) => format!("seq {seq} here, and this record nowhere"),
        (_, Some(hash)) => format!("hash {hash}, which seq {} names", seq + 1),
        (_, None) => "the hash that the record itself names".to_owned(),
    };
    (found, expected)
}

/// Reports the numbers for which there is no record, not even a wrong one.
fn gaps(trail: &Trail, number: usize, case: &ChainCase, findings: &mut Vec<Violation>) {
    let links = &trail.chains[number];
    for (&from, &to) in &case.gaps {
        let next = case.path.accepted.range(to..).next();
        let is_start = case.path.accepted.range(..from).next().is_none() && from == case.floor + 1;
        let kind = if is_start || next.is_none() {
            ViolationKind::Truncated
        } else {
            ViolationKind::Deleted
        };
        let found = match next {
            Some((seq, &i)) => {
                format!("seq {seq}, which follows on {}", trail.entries[i].prev)
            }
            None => "the end".to_owned(),
        };
        let expected = match (kind, next) {
            (ViolationKind::Truncated, None) => {
                format!("seq {from} to {to}, which a checkpoint covers")
            }
            (ViolationKind::Truncated, _) => format!(
                "seq {from}; where retention deleted the start, verify --from-checkpoint first"
            ),
            _ if from == to => format!("seq {from}"),
            _ => format!("seq {from} to {to}"),
        };
        findings.push(Violation {
            kind,
            topic: links.topic.clone(),
            partition: links.partition,
            seq: from,
            n_records: to - from + 1,
            at: next.map(|(_, &i)| trail.place(trail.entries[i].at)),
            found,
            expected,
        });
    }
}

/// Reports records that stand out of order.
fn swaps(trail: &Trail, number: usize, case: &ChainCase, findings: &mut Vec<Violation>) {
    let links = &trail.chains[number];
    let places: Vec<(&(u32, u64), &u64)> = case.path.places.iter().collect();
    for stream in places.chunk_by(|a, b| a.0.0 == b.0.0) {
        let seqs: Vec<u64> = stream.iter().map(|(_, seq)| **seq).collect();
        let moved = displaced(&seqs);
        let mut sorted = seqs.clone();
        if !moved.is_empty() {
            sorted.sort_unstable();
        }
        let mut is_told = vec![false; seqs.len()];
        for i in moved {
            // Where this record belongs, and which one stands there.
            let home = sorted.binary_search(&seqs[i]).unwrap_or(i);
            if std::mem::replace(&mut is_told[i], true) || home == i {
                continue;
            }
            let is_exchange = sorted[i] == seqs[home];
            is_told[home] |= is_exchange;
            let (first, place) = if is_exchange { (i.min(home), i.min(home)) } else { (home, i) };
            findings.push(Violation {
                kind: ViolationKind::Swapped,
                topic: links.topic.clone(),
                partition: links.partition,
                seq: sorted[first],
                n_records: 1,
                at: Some(trail.place(*stream[place].0)),
                found: format!("seq {}", seqs[place]),
                expected: format!("seq {}", sorted[place]),
            });
        }
    }
}

fn floor_of(trail: &Trail, cases: &[ChainCase], finding: &Violation) -> u64 {
    let is_its = |l: &&super::trail::PartitionAlerts| {
        l.topic == finding.topic && l.partition == finding.partition
    };
    let found = trail.chains.iter().zip(cases).find(|(links, _)| is_its(links));
    found.map_or(0, |(_, case)| case.floor)
}

fn describe(trail: &Trail, number: usize, case: &ChainCase, agreed: heads::Agreed) -> ChainReport {
    let links = &trail.chains[number];
    let judged = case.path.accepted.range(case.floor + 1..);
    let is_anchored = !case.gaps.contains_key(&(case.floor + 1));
    let last = case.path.accepted.iter().next_back();
    let head = last
        .map_or_else(|| genesis(&links.topic, links.partition), |(_, &i)| trail.entries[i].digest);
    ChainReport {
        topic: links.topic.clone(),
        partition: links.partition,
        n_records: judged.clone().count() as u64,
        first_seq: judged.clone().next().map_or(0, |(seq, _)| *seq),
        last_seq: last.map_or(0, |(seq, _)| *seq),
        head: head.to_string(),
        anchor: match (is_anchored, case.floor) {
            (false, _) => Anchor::Unanchored,
            (true, 0) => Anchor::Genesis,
            (true, seq) => Anchor::Checkpoint(seq),
        },
        n_checkpoints: agreed.n_checkpoints,
        covered_seq: agreed.covered_seq,
        n_findings: 0,
    }
}

/// Says what could not be excluded.
fn notes(trail: &Trail, chains: &[ChainReport]) -> Vec<String> {
    let mut notes = Vec::new();
    if trail.n_checkpoints == 0 {
        notes.push(
            "without a checkpoint a missing end cannot be seen, nor a change after which all \
             later hashes were computed anew"
                .to_owned(),
        );
    } else if !trail.has_keys() {
        let unsigned = if trail.n_unsigned > 0 { " (some are unsigned)" } else { "" };
        notes.push(format!(
            "no public key was given{unsigned}: whoever could write checkpoints could have \
             rewritten alerts and checkpoints alike"
        ));
    }
    for chain in chains.iter().filter(|c| trail.n_checkpoints > 0 && c.last_seq > c.covered_seq) {
        notes.push(format!(
            "{}/{}: no checkpoint covers seq {} to {} yet",
            chain.topic,
            chain.partition,
            chain.covered_seq + 1,
            chain.last_seq
        ));
    }
    notes
}
