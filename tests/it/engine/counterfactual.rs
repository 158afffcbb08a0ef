//! `explain` judges the state that the run had, also after parts that were refused or flagged.

use super::fold::{feed, record, settings, setup, traffic};
use serde_json::{Value, json};
use txwarden::{
    engine::{Action, Examination, ScoreReport},
    model::{Finding, TxId},
    pipeline::{Driver, Fits},
};

/// Records before the one that is explained: enough for the models to have opinions.
const N_BEFORE: usize = 6_000;

/// Parses a transaction; its value becomes text, because a number so large would lose digits.
fn parse(line: &str) -> Value {
    let (head, tail) = line.split_once("\"value\": ").unwrap();
    let (value, tail) = tail.split_once(',').unwrap();
    serde_json::from_str(&format!("{head}\"value\": \"{value}\",{tail}")).unwrap()
}

/// Returns a record of three parts, with the hashes of the last two: a repetition with
/// another body, which `identity` refuses; a block's hash at another height, which `linkage` flags
/// and which must orphan nothing; and a plain transaction.
fn mixed(lines: &[String], template: &str) -> (String, [String; 2]) {
    let mut repeated = parse(&lines[N_BEFORE - 5]);
    repeated["value"] = json!("1234567");
    let mut misplaced = parse(template);
    let known = parse(&lines[N_BEFORE - 100]);
    misplaced["hash"] = json!(format!("0x{:064x}", 90_001));
    misplaced["block_hash"] = known["block_hash"].clone();
    misplaced["block_number"] = json!(known["block_number"].as_u64().unwrap() + 5);
    let mut plain = parse(template);
    plain["hash"] = json!(format!("0x{:064x}", 90_002));
    let hashes = [&misplaced, &plain].map(|tx| tx["hash"].as_str().unwrap().to_owned());
    (json!([repeated, misplaced, plain]).to_string(), hashes)
}

/// Returns the score and the findings that a run had on a transaction.
fn of_run(actions: Vec<Action>, tx: &str) -> (ScoreReport, Vec<Finding>) {
    let (mut score, mut findings) = (None, Vec::new());
    let is_it = |id: TxId| setup().chain.hash_text(&id) == tx;
    for action in actions {
        match action {
            Action::Scored(report) if report.tx.is_some_and(is_it) => score = Some(*report),
            Action::Finding(report) if report.tx.as_deref() == Some(tx) => {
                findings.push(report.finding);
            }
            _ => {}
        }
    }
    (score.unwrap(), findings)
}

#[test]
fn what_is_explained_is_what_was_judged() {
    let mut lines = traffic(N_BEFORE as u64 + 400);
    let template = lines[N_BEFORE..].iter().find(|l| l.contains(": 250000000000000000000"));
    let (last, hashes) = mixed(&lines, template.unwrap());
    lines.truncate(N_BEFORE);
    let begin = || {
        let mut setup = setup();
        (setup.is_reporting_findings, setup.is_reporting_scores) = (true, true);
        let mut driver = Driver::new(setup, Fits::Inline).unwrap();
        feed(&mut driver, &lines, 0);
        driver
    };
    let last = record(&last, N_BEFORE);
    for tx in hashes {
        let (mut run, mut actions) = (begin(), Vec::new());
        run.feed(&settings(), last, &mut actions);
        let stats = run.stats();
        assert_eq!(stats.dead_letters.get("identity_conflict"), Some(&1), "{stats:?}");
        assert_eq!(stats.checks_failed.get("linkage"), Some(&1), "{stats:?}");
        assert_eq!(stats.n_reorgs, 0);
        let (report, findings) = of_run(actions, &tx);
        let said = begin().examine(&settings(), &last, &report.event, &[]).unwrap();
        let Examination { judgement, .. } = said;
        assert!(report.score.is_some() && report.p_value.is_some(), "the models are silent");
        assert_eq!((judgement.score, judgement.p_value), (report.score, report.p_value), "{tx}");
        // A guard's vote counts from a surprise of its own on; the score holds their sum.
        let ids: Vec<_> = report.opinions.iter().map(|(id, _)| *id).collect();
        assert!(judgement.surprises.iter().map(|(id, _)| id).eq(&ids), "{ids:?}");
        let (rules, models) = findings.split_at(judgement.findings.len());
        assert!(!rules.is_empty(), "no rule found anything");
        assert_eq!(judgement.findings, rules);
        assert!(models.iter().all(|f| ids.contains(&f.detector.as_str())));
    }
}
