//! Turns between records: another setup, a verdict; every replay takes them at the same place.

use crate::engine::fold::{alerts, feed, json, record, settings, setup, traffic};
use txwarden::{
    detect::DetectorSettings,
    engine::{Action, Control, Engine, Input, Setup},
    model::{Alert, Chain, Judgement, Verdict},
    pipeline::{Driver, Fits},
};

/// The record before which the turn is taken.
const TURN: usize = 3_000;

/// Settings that change rules, triage, and one model's parameters.
fn other() -> Setup {
    let mut other = setup();
    let member = |text: &str| serde_json::from_str::<DetectorSettings>(text).unwrap();
    let detect = &mut other.params.detect;
    let large = member(r#"{"severity": "high", "params": {"units_min": {"ETH": 0.9}}}"#);
    detect.rules.insert("large_native".to_owned(), large);
    detect.models.insert("kmeans".to_owned(), member(r#"{"params": {"n_cells": 32}}"#));
    other.params.triage.cool_down_ms = 60_000;
    other.config_hash = "other".to_owned();
    other
}

fn to(setup: Setup) -> Control {
    Control::Setup(Box::new(setup))
}

fn verdict(alert_id: &str, subject: &str, verdict: Judgement) -> Control {
    Control::Verdict(Box::new(Verdict {
        schema: Verdict::SCHEMA.to_owned(),
        alert_id: Some(alert_id.to_owned()),
        subject: subject.to_owned(),
        verdict,
        analyst: "ann".to_owned(),
        weight: 1.0,
        time_ms: 0,
        until_ms: None,
        note: None,
    }))
}

#[test]
fn a_turn_is_the_same_whatever_was_restored_around_it() {
    let lines = traffic(6_000);
    let (early, late) = lines.split_at(TURN);
    let run = |fits| {
        let mut driver = Driver::new(setup(), fits).unwrap();
        let before = json(&feed(&mut driver, early, 0));
        driver.control(to(other())).unwrap();
        (before, json(&feed(&mut driver, late, TURN)))
    };
    let (before, after) = run(Fits::Inline);
    assert!(before.len() >= 3 && after.len() >= 20, "{} and {} alerts", before.len(), after.len());
    assert!(before.iter().all(|a| a.contains(r#""config_hash":"test""#)));
    assert!(after.iter().all(|a| a.contains(r#""config_hash":"other""#)));
    assert_eq!(run(Fits::Background), (before.clone(), after.clone()));

    let mut driver = Driver::new(setup(), Fits::Inline).unwrap();
    feed(&mut driver, early, 0);
    let bytes = driver.freeze().encode().unwrap();
    let restored = Engine::restore(setup(), &bytes).unwrap();
    let mut restored = Driver::over(restored, Fits::Inline);
    restored.control(to(other())).unwrap();
    // And once more right behind the turn.
    let bytes = restored.freeze().encode().unwrap();
    let mut restored = Driver::over(Engine::restore(other(), &bytes).unwrap(), Fits::Inline);
    assert_eq!(json(&feed(&mut restored, late, TURN)), after);

    // Control: without the turn, and with a history of the new settings, answers are others.
    assert_ne!(json(&feed(&mut driver, late, TURN)), after);
    let mut anew = Driver::new(other(), Fits::Inline).unwrap();
    feed(&mut anew, early, 0);
    assert_ne!(json(&feed(&mut anew, late, TURN)), after);
}

#[test]
fn what_did_not_change_goes_on_as_if_nothing_had_happened() {
    let lines = traffic(6_000);
    let bodies = |renamed: bool| {
        let mut driver = Driver::new(setup(), Fits::Inline).unwrap();
        let mut actions = feed(&mut driver, &lines[..TURN], 0);
        if renamed {
            driver.control(to(Setup { config_hash: "renamed".to_owned(), ..setup() })).unwrap();
            assert!(driver.engine().unapplied().is_empty());
        }
        actions.extend(feed(&mut driver, &lines[TURN..], TURN));
        let bodies = alerts(&actions).iter().map(|a| a.canonical_body().unwrap()).collect();
        (bodies, driver.stats().clone())
    };
    let (undisturbed, stats): (Vec<String>, _) = bodies(false);
    assert!(undisturbed.len() >= 10 && stats.n_fits >= 1);
    assert_eq!(bodies(true), (undisturbed, stats));
}

#[test]
fn a_fit_that_nobody_waits_for_is_dropped_and_others_come_in_time() {
    let lines = traffic(6_000);
    let mut engine = Engine::new(setup()).unwrap();
    let (settings, mut actions, mut at) = (settings(), Vec::new(), 0);
    while engine.unfinished_fits().all(|job| job.model != "kmeans") {
        engine.step(Input::Record(&settings, record(&lines[at], at)), &mut actions);
        at += 1;
    }
    let mut without = other();
    let off: DetectorSettings = serde_json::from_str(r#"{"enabled": false}"#).unwrap();
    without.params.detect.models.insert("kmeans".to_owned(), off);
    let mut driver = Driver::over(engine, Fits::Background);
    driver.control(to(other())).unwrap();
    let is_left = driver.engine().unfinished_fits().any(|job| job.model == "kmeans");
    assert!(!is_left, "a new kmeans asks for its own");
    feed(&mut driver, &lines[at..], at);
    assert!(driver.stats().n_fits >= 1, "the new one was fitted");
    driver.control(to(without)).unwrap();
    let n_before = driver.stats().n_records;
    feed(&mut driver, &traffic(200), lines.len());
    assert_eq!(driver.stats().n_records, n_before + 200);
}

#[test]
fn bounds_of_state_wait_and_another_chain_is_refused() {
    let mut driver = Driver::new(setup(), Fits::Inline).unwrap();
    feed(&mut driver, &traffic(500), 0);
    let mut wider = setup();
    wider.params.state.accounts_max = 20_000;
    driver.control(to(wider.clone())).unwrap();
    assert_eq!(driver.engine().unapplied(), ["state.accounts_max"]);
    let bytes = driver.freeze().encode().unwrap();
    let restored = Engine::restore(wider, &bytes).unwrap();
    assert_eq!(restored.unapplied(), ["state.accounts_max"]);

    let moved = Setup { chain: Chain::parse("eip155:10").unwrap(), ..setup() };
    let refused = driver.control(to(moved)).unwrap_err();
    assert!(refused.to_string().contains("another chain"), "{refused}");
    let mut wrong = setup();
    wrong.params.detect.rules.insert("no_such_rule".to_owned(), DetectorSettings::default());
    assert!(driver.control(to(wrong)).is_err());
    assert_eq!(driver.freeze().encode().unwrap(), bytes, "a refusal changes nothing");
}

fn led_by_rule(actions: &[Action]) -> Vec<&Alert> {
    let is_its = |a: &&Alert| a.revision == 1 && a.evidence[0].detector == "large_native";
    alerts(actions).into_iter().filter(is_its).collect()
}

#[test]
fn verdicts_become_the_confidence_of_later_alerts() {
    let lines = traffic(4_000);
    let mut driver = Driver::new(setup(), Fits::Inline).unwrap();
    let first = feed(&mut driver, &lines[..2_000], 0);
    assert!(alerts(&first).iter().all(|a| a.confidence.is_none()));
    let judged = led_by_rule(&first);
    assert!(judged.len() >= 3, "{}", judged.len());
    for (i, alert) in judged.iter().take(3).enumerate() {
        let says = if i == 0 { Judgement::FalsePositive } else { Judgement::TruePositive };
        driver.control(verdict(&alert.alert_id, &alert.subject, says)).unwrap();
    }
    driver.control(verdict(&"0".repeat(32), "eip155:1:0xab", Judgement::Unsure)).unwrap();
    let stats = driver.stats();
    assert_eq!((stats.verdicts["true_positive"], stats.n_verdicts_unmatched), (2, 1));
    let bytes = driver.freeze().encode().unwrap();
    let late = feed(&mut driver, &lines[2_000..], 2_000);
    let loud = led_by_rule(&late);
    assert!(!loud.is_empty());
    // (2 + 1) of (3 + 2).
    assert!(loud.iter().all(|a| a.confidence == Some(0.6)), "{:?}", loud[0].confidence);
    let mut restored = Driver::over(Engine::restore(setup(), &bytes).unwrap(), Fits::Inline);
    assert_eq!(json(&feed(&mut restored, &lines[2_000..], 2_000)), json(&late));
}
