//! Tests of the decisions at a takeover: one case a line.

use super::*;
use crate::{
    journal::takeover::OnLostHistory,
    model::{Start, TopicPartition},
};
use OnLostHistory::{Continue, Refuse};

fn progress(seq: u64) -> Progress {
    let (setup, version) = ("abcd".to_owned(), "0.1.0".to_owned());
    let (head, fingerprint) = (format!("{seq:064}"), Some("f00d".to_owned()));
    Progress { start: 100, seq, setup, version, head, fingerprint, ..Progress::default() }
}

fn recorded(seq: u64) -> Recorded {
    let read = Recorded::parse(&progress(seq).render());
    read.unwrap_or_else(|| panic!("our own metadata does not parse"))
}

fn place() -> TopicPartition {
    TopicPartition { topic: "t".to_owned(), partition: 0 }
}

/// Seven alerts up to offset 150 of a log from 90 to 200.
fn facts<'a>(at: &'a TopicPartition, evidence: &'a [ProgressEvidence]) -> Facts<'a> {
    Facts {
        at,
        group: "g",
        committed: Some((150, progress(7).render())),
        bounds: (90, 200),
        start: None,
        on_lost_history: Refuse,
        evidence,
        seed: None,
    }
}

fn witness(witness: Witness, next: i64, seq: Option<u64>) -> ProgressEvidence {
    ProgressEvidence { witness, next, seq, head: None }
}

#[test]
fn a_first_start_never_guesses() {
    let at = place();
    let first = Facts { committed: None, ..facts(&at, &[]) };
    let refused = plan(&first).unwrap_err();
    assert!(refused.contains("the first start of a group needs start:"), "{refused}");
    let latest = Facts { start: Some(Start::Latest), ..first.clone() };
    assert_eq!(plan(&latest), Ok(Plan::First(Start::Latest)));
    let seeded = Facts { seed: Some(120), ..latest };
    assert_eq!(plan(&seeded), Ok(Plan::Seeded(120)));
    let proof = [witness(Witness::Alert, 120, Some(3))];
    let lost = Facts { evidence: &proof, ..seeded };
    assert!(plan(&lost).unwrap_err().contains("the offsets were lost"), "a seed is no excuse");
}

#[test]
fn a_group_goes_on_where_it_was() {
    let at = place();
    let proof = [
        witness(Witness::Snapshot, 150, None),
        witness(Witness::Alert, 149, Some(7)),
        witness(Witness::Checkpoint, 150, Some(7)),
    ];
    let usual = facts(&at, &proof);
    let resumed = Plan::Resume { log_start: Ok(100), live_at: 150, recorded: Some(recorded(7)) };
    assert_eq!(plan(&usual), Ok(resumed));
    let foreign = Facts { committed: Some((150, String::new())), ..usual.clone() };
    let from_low = Plan::Resume { log_start: Ok(90), live_at: 150, recorded: None };
    assert_eq!(plan(&foreign), Ok(from_low));
    // The log has lost the beginning: only a snapshot can help.
    let Ok(Plan::Resume { log_start, .. }) = plan(&Facts { bounds: (101, 200), ..usual.clone() })
    else {
        panic!("a snapshot may still hold the state")
    };
    assert!(log_start.unwrap_err().contains("no usable snapshot"));
    let lenient = Facts { bounds: (101, 200), on_lost_history: Continue, ..usual.clone() };
    let shorter = Plan::Resume { log_start: Ok(101), live_at: 150, recorded: Some(recorded(7)) };
    assert_eq!(plan(&lenient), Ok(shorter));
    let anew = Facts { bounds: (0, 149), evidence: &[], on_lost_history: Continue, ..usual };
    let fresh = Plan::Resume { log_start: Ok(0), live_at: 0, recorded: None };
    assert_eq!(plan(&anew), Ok(fresh));
}

#[test]
fn contradictions_refuse_with_evidence_and_remedy() {
    let at = place();
    /// What it is called, the log's bounds, what is known, and what must be said.
    type Case = (&'static str, (i64, i64), ProgressEvidence, [&'static str; 2]);
    let cases: [Case; 7] = [
        (
            "snapshot",
            (90, 200),
            witness(Witness::Snapshot, 151, None),
            ["offset 151", "state reset"],
        ),
        ("alert", (90, 200), witness(Witness::Alert, 160, Some(7)), ["offset 160", "state reset"]),
        ("alert", (90, 200), witness(Witness::Alert, 140, Some(8)), ["alert 8", "state reset"]),
        ("control", (90, 200), witness(Witness::Control, 151, None), ["control", "state reset"]),
        (
            "checkpoint",
            (90, 200),
            witness(Witness::Checkpoint, 151, Some(7)),
            ["151", "state reset"],
        ),
        ("end", (0, 149), witness(Witness::Alert, 9, Some(1)), ["ends at 149", "another group"]),
        (
            "start",
            (151, 200),
            witness(Witness::Alert, 9, Some(1)),
            ["starts at offset 151", "retention"],
        ),
    ];
    for (name, bounds, proof, parts) in cases {
        let evidence = [proof];
        let case = Facts { bounds, ..facts(&at, &evidence) };
        let refused = plan(&case).unwrap_err();
        for part in parts {
            assert!(refused.contains(part), "{name}: {refused}");
        }
    }
}

#[test]
fn only_the_same_settings_must_give_the_same_alerts_and_only_the_same_log_goes_on() {
    let at = place();
    assert_eq!(verify(&at, &progress(7), &recorded(7)), Ok(true));
    assert!(verify(&at, &progress(8), &recorded(7)).unwrap_err().contains("gave 8 alerts"));
    let head = Progress { head: "5".repeat(64), ..progress(7) };
    assert!(verify(&at, &head, &recorded(7)).unwrap_err().contains("chain head 5555"));
    let old = Recorded { head: None, fingerprint: None, ..recorded(7) };
    assert_eq!(verify(&at, &head, &old), Ok(true), "version 1 recorded no head");
    let other = Progress { setup: "ef".to_owned(), ..progress(8) };
    assert_eq!(verify(&at, &other, &recorded(7)), Ok(false));
    let record = Progress { fingerprint: Some("beef".to_owned()), ..progress(7) };
    assert!(verify(&at, &record, &recorded(7)).unwrap_err().contains("created anew"));
}
