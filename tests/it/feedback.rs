//! Verdicts reach the score: the subject's own at once, what was learned from it after a fit.

use crate::engine::{feed, json, setup, traffic};
use txwarden::{
    engine::{Action, Control, Engine, Setup},
    model::{Address, Judgement, Verdict},
    runtime::{Driver, Fits},
};

/// Judged before this record; the fit takes over 500 records later, and decides after 100 more.
const JUDGED_AT: usize = 3_000;
const N_RECORDS: usize = 4_400;

fn address(n: u64) -> String {
    format!("0x{n:040x}")
}

fn judge(driver: &mut Driver, account: u64, verdict: Judgement) {
    let verdict = Verdict {
        schema: Verdict::SCHEMA.to_owned(),
        alert_id: None,
        subject: format!("eip155:1:{}", address(account)),
        verdict,
        analyst: "ann".to_owned(),
        weight: 1.0,
        time_ms: 0,
        note: None,
    };
    driver.control(Control::Verdict(Box::new(verdict))).unwrap();
}

/// Mean score of the transactions to account 5, and to all others.
fn means(actions: &[Action]) -> (f64, f64) {
    let judged = Address::parse(&address(5)).unwrap();
    let (mut own, mut others) = (Vec::new(), Vec::new());
    for action in actions {
        let Action::Scored(report) = action else { continue };
        let is_own = report.receiver.as_ref() == Some(&judged);
        if is_own { &mut own } else { &mut others }.extend(report.score);
    }
    assert!(own.len() >= 2, "only {} payments to the judged account", own.len());
    let mean = |scores: &[f64]| scores.iter().sum::<f64>() / scores.len() as f64;
    (mean(&own), mean(&others))
}

/// Folds everything; `is_restored` goes on from bytes before and after the verdicts, while the fit
/// is pending, in its shadow, and afterwards.
fn run(is_restored: bool) -> (Vec<Action>, String) {
    let setup = || Setup { is_reporting_scores: true, ..setup() };
    let lines = traffic(N_RECORDS as u64);
    let mut driver = Driver::new(setup(), Fits::Inline).unwrap();
    let mut actions = Vec::new();
    let mut at = 0;
    for stop in [2_900, JUDGED_AT, 3_200, 3_550, 4_000, N_RECORDS] {
        actions.extend(feed(&mut driver, &lines[at..stop], at));
        at = stop;
        if stop == JUDGED_AT {
            judge(&mut driver, 5, Judgement::TruePositive);
            (6..16).for_each(|n| judge(&mut driver, n, Judgement::Benign));
        }
        if is_restored {
            let bytes = driver.freeze().encode().unwrap();
            driver = Driver::over(Engine::restore(setup(), &bytes).unwrap(), Fits::Inline);
        }
    }
    let model_id = driver.engine().triage().identity().model_id.clone();
    (actions, model_id)
}

#[test]
fn a_verdict_moves_its_subject_at_once_and_a_model_follows() {
    let (actions, model_id) = run(false);
    assert!(model_id.contains("verdicts@1"), "{model_id}");
    let scored: Vec<usize> = actions
        .iter()
        .enumerate()
        .filter(|(_, action)| matches!(action, Action::Scored(_)))
        .map(|(at, _)| at)
        .collect();
    let (before, after) = actions.split_at(scored[JUDGED_AT]);
    let (own, others) = means(&before[scored[1_500]..]);
    assert!((own - others).abs() < 0.3, "nothing sets the account apart: {own} and {others}");
    let (own, others) = means(after);
    assert!(own > others + 2.0, "{own} against {others}");
}

#[test]
fn what_was_learned_survives_a_restore() {
    let (undisturbed, model_id) = run(false);
    let mut driver = Driver::new(setup(), Fits::Inline).unwrap();
    feed(&mut driver, &traffic(JUDGED_AT as u64), 0);
    judge(&mut driver, 5, Judgement::TruePositive);
    let with = driver.freeze().encode().unwrap();
    judge(&mut driver, 5, Judgement::Unsure);
    assert_ne!(driver.freeze().encode().unwrap(), with, "a verdict is part of a snapshot");

    let restored = run(true);
    assert_eq!(restored.1, model_id);
    assert_eq!(json(&restored.0), json(&undisturbed));
    assert_eq!(scores(&restored.0), scores(&undisturbed));
}

fn scores(actions: &[Action]) -> Vec<Option<f64>> {
    let score = |action: &Action| match action {
        Action::Scored(report) => Some(report.score),
        _ => None,
    };
    actions.iter().filter_map(score).collect()
}
