//! Verdicts reach the score: the subject's own at once, what was learned from it after a fit.

use crate::engine::fold::{feed, json, setup, traffic};
use txwarden::{
    engine::{Action, Control, Engine, Setup},
    model::{Address, Judgement, Verdict},
    pipeline::{Driver, Fits},
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
        until_ms: None,
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
        // Without any opinion an event ranks as unsurprising.
        if is_own { &mut own } else { &mut others }.push(report.score.unwrap_or(0.0));
    }
    assert!(own.len() >= 2, "only {} payments to the judged account", own.len());
    let mean = |scores: &[f64]| scores.iter().sum::<f64>() / scores.len() as f64;
    (mean(&own), mean(&others))
}

/// The same payments in a token.
fn in_a_token(lines: Vec<String>) -> Vec<String> {
    let transfer = |line: String| {
        let tx: serde_json::Value = serde_json::from_str(&line).unwrap();
        let transfer = serde_json::json!({
            "type": "token_transfer",
            "token_address": address(0x70_6b_6e),
            "from_address": tx["from_address"],
            "to_address": tx["to_address"],
            "value": tx["value"],
            "transaction_hash": tx["hash"],
            "log_index": 3,
            "block_number": tx["block_number"],
            "block_timestamp": tx["block_timestamp"],
            "block_hash": tx["block_hash"],
        });
        transfer.to_string()
    };
    lines.into_iter().map(transfer).collect()
}

/// Folds everything; `is_restored` goes on from bytes before and after the verdicts, while the fit
/// is pending, in its shadow, and afterwards.
fn run(lines: &[String], is_restored: bool) -> (Vec<Action>, String) {
    let setup = || Setup { is_reporting_scores: true, ..setup() };
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
    let lines = traffic(N_RECORDS as u64);
    moves_its_subject(&lines);
    moves_its_subject(&in_a_token(lines));
}

fn moves_its_subject(lines: &[String]) {
    let (actions, model_id) = run(lines, false);
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
    let lines = traffic(N_RECORDS as u64);
    let (undisturbed, model_id) = run(&lines, false);
    let mut driver = Driver::new(setup(), Fits::Inline).unwrap();
    feed(&mut driver, &lines[..JUDGED_AT], 0);
    judge(&mut driver, 5, Judgement::TruePositive);
    let with = driver.freeze().encode().unwrap();
    judge(&mut driver, 5, Judgement::Unsure);
    assert_ne!(driver.freeze().encode().unwrap(), with, "a verdict is part of a snapshot");

    let restored = run(&lines, true);
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

fn order(driver: &mut Driver, subject: String, verdict: Judgement, until_ms: Option<i64>) {
    let verdict = Verdict {
        schema: Verdict::SCHEMA.to_owned(),
        alert_id: None,
        subject,
        verdict,
        analyst: "ann".to_owned(),
        weight: 1.0,
        time_ms: 0,
        until_ms,
        note: None,
    };
    driver.control(Control::Verdict(Box::new(verdict))).unwrap();
}

/// Alerts about account 5, by the detector that leads them.
fn about_five(actions: &[Action], detector: &str) -> usize {
    let subject = format!("eip155:1:{}", address(5));
    let is_its = |a: &&txwarden::model::Alert| {
        a.revision == 1 && a.subject == subject && a.evidence[0].detector == detector
    };
    crate::engine::fold::alerts(actions).into_iter().filter(is_its).count()
}

#[test]
fn orders_about_an_account_hold_until_they_end() {
    let lines = traffic(6_000);
    let subject = || format!("eip155:1:{}", address(5));
    let mut driver = Driver::new(setup(), Fits::Inline).unwrap();
    let before = feed(&mut driver, &lines[..3_000], 0);
    assert_eq!(about_five(&before, "deny_list"), 0);
    let now_ms = driver.stats().event_time_ms;
    order(&mut driver, subject(), Judgement::Deny, Some(now_ms + 3_600_000));
    let bytes = driver.freeze().encode().unwrap();
    let after = feed(&mut driver, &lines[3_000..], 3_000);
    // Repeats fold into an alert until it is confirmed.
    assert!(about_five(&after, "deny_list") >= 1);
    let denied = crate::engine::fold::alerts(&after)
        .into_iter()
        .find(|a| a.evidence[0].detector == "deny_list")
        .unwrap();
    assert_eq!(denied.title, "A denied account is active");
    assert!(denied.reason.contains("by order of ann"), "{}", denied.reason);

    let mut restored = Driver::over(Engine::restore(setup(), &bytes).unwrap(), Fits::Inline);
    assert_eq!(json(&feed(&mut restored, &lines[3_000..], 3_000)), json(&after));

    let mut lifted = Driver::over(Engine::restore(setup(), &bytes).unwrap(), Fits::Inline);
    order(&mut lifted, subject(), Judgement::Deny, Some(0));
    let after = feed(&mut lifted, &lines[3_000..], 3_000);
    assert_eq!(about_five(&after, "deny_list"), 0, "an order that has ended takes it back");
    assert!(!crate::engine::fold::alerts(&after).is_empty());
}

#[test]
fn the_allow_list_keeps_low_findings_quiet_and_counts_them() {
    let lines = traffic(6_000);
    let (early, late) = lines.split_at(3_000);
    let mut driver = Driver::new(setup(), Fits::Inline).unwrap();
    feed(&mut driver, early, 0);
    let bytes = driver.freeze().encode().unwrap();
    let loud = feed(&mut driver, late, 3_000);
    let alert = crate::engine::fold::alerts(&loud)
        .into_iter()
        .find(|a| a.severity < txwarden::model::Severity::High && a.revision == 1)
        .unwrap()
        .clone();
    let mut allowed = Driver::over(Engine::restore(setup(), &bytes).unwrap(), Fits::Inline);
    order(&mut allowed, alert.subject.clone(), Judgement::Allow, Some(i64::MAX));
    let quiet = feed(&mut allowed, late, 3_000);
    let is_its = |a: &&txwarden::model::Alert| a.subject == alert.subject;
    assert!(!crate::engine::fold::alerts(&quiet).into_iter().any(|a| is_its(&a)));
    assert!(!crate::engine::fold::alerts(&quiet).is_empty(), "others are raised as before");
    assert!(allowed.stats().suppressed["allowed"] >= 1);
    assert_eq!(allowed.stats().n_verdicts_unmatched, 0);
}

#[test]
fn an_operator_restores_the_previous_fit() {
    let lines = traffic(9_000);
    let mut often = setup();
    let params = r#"{"params": {"schedule": {"every_days": 0.01}}}"#;
    let verdicts = serde_json::from_str(params).unwrap();
    often.params.detect.models.insert("verdicts".to_owned(), verdicts);
    let mut driver = Driver::new(often, Fits::Inline).unwrap();
    feed(&mut driver, &lines[..JUDGED_AT], 0);
    judge(&mut driver, 5, Judgement::TruePositive);
    (6..16).for_each(|n| judge(&mut driver, n, Judgement::Benign));
    let model_id = |driver: &Driver| driver.engine().triage().identity().model_id.clone();
    let mut at = JUDGED_AT;
    while !model_id(&driver).contains("verdicts@2") {
        assert!(at < lines.len(), "no second fit: {}", model_id(&driver));
        judge(&mut driver, 20 + at as u64, Judgement::Benign);
        feed(&mut driver, &lines[at..at + 100], at);
        at += 100;
    }
    order(&mut driver, "eip155:1/model/verdicts".to_owned(), Judgement::RollBack, None);
    feed(&mut driver, &lines[at..at + 1], at);
    assert!(model_id(&driver).contains("verdicts@1"), "{}", model_id(&driver));
    assert_eq!(driver.stats().n_verdicts_unmatched, at as u64 / 100 - JUDGED_AT as u64 / 100 + 11);
    order(&mut driver, "eip155:1/model/verdicts".to_owned(), Judgement::RollBack, None);
    order(&mut driver, "eip155:1/model/none".to_owned(), Judgement::RollBack, None);
    let n = driver.stats().n_verdicts_unmatched;
    assert_eq!(n, at as u64 / 100 - JUDGED_AT as u64 / 100 + 13, "nothing to go back to");
}
