//! Evaluation from outside: sampling, verdicts and cold subjects, the moved labels, the command.

use crate::{data, engine::fold};
use std::{fs, path::Path, process::Command};
use txwarden::{
    engine::{ScoreOutcome, Setup},
    eval::{self, EvalPlan, EvalVerdicts, LabelRole, Labels, Sample, Scored, Stream},
    model::EventTime,
};

/// A transaction every minute between 40 accounts; the first of them are collectors.
fn stream(n: u64) -> Stream {
    let mut stream = Stream::new(fold::settings(), LabelRole::To);
    for i in 0..n {
        let mixed = i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
        let line = format!(
            "{{\"type\": \"transaction\", \"hash\": \"0x{i:064x}\", \"nonce\": 1, \
             \"transaction_index\": 0, \"from_address\": \"0x{:040x}\", \"to_address\": \
             \"0x{:040x}\", \"value\": {}, \"gas\": 21000, \"gas_price\": 20000000000, \
             \"input\": \"0x\", \"block_timestamp\": {}, \"block_number\": {}, \
             \"block_hash\": \"0x{:064x}\"}}",
            1_000 + mixed % 5_000,
            1 + mixed / 7 % 40,
            10_000_000_000_000_000 + mixed % 1_000_000_000_000_000_000,
            1_600_000_000 + i * 60,
            1_000 + i,
            0xb000_0000 + i,
        );
        stream.push(line.as_bytes());
    }
    stream
}

fn account(n: u64) -> String {
    format!("0x{n:040x}")
}

/// The first ten receivers are positive.
fn truth(stream: &Stream) -> Labels {
    let lines: Vec<String> =
        (1..=40).map(|n| format!("{},{}", account(n), u8::from(n <= 10))).collect();
    Labels::parse(&format!("address,flag\n{}\n", lines.join("\n")), stream).unwrap()
}

fn plan<'a>(stream: &'a Stream, sample: &'a Sample, verdicts: EvalVerdicts) -> EvalPlan<'a> {
    let mut setup: Setup = fold::setup();
    setup.params.triage.p_max = 0.5;
    setup.params.triage.budget_per_day = 20.0;
    EvalPlan {
        stream,
        sample,
        truth: &sample.truth,
        setup,
        verdicts,
        delay: EventTime::HOUR,
        warm_up_until: stream.time(2_000),
        until: stream.time(stream.len() - 1).plus(1),
        has_baselines: true,
    }
}

fn run(stream: &Stream, sample: &Sample, verdicts: EvalVerdicts) -> Vec<Scored> {
    eval::run(&plan(stream, sample, verdicts)).unwrap()
}

#[test]
fn a_sample_keeps_a_share_of_the_positives_and_nothing_of_the_others() {
    let stream = stream(2_000);
    let truth = truth(&stream);
    let sample = eval::sample(&stream, &truth, 0.3, 7);
    let kept: Vec<u32> = sample.truth.positives().collect();
    assert_eq!(kept.len(), 3);
    assert!(kept.iter().all(|id| truth.is_positive(*id)));
    let touches_dropped = |row: &&u32| {
        let dropped = |id: &u32| truth.is_positive(*id) && !kept.contains(id);
        stream.parties(**row as usize).iter().any(dropped)
    };
    assert_eq!(sample.rows.iter().filter(touches_dropped).count(), 0);
    // Three quarters of the receivers are negative, and three of ten positives are left.
    assert!((1_500..1_800).contains(&sample.rows.len()), "{}", sample.rows.len());
    let again = eval::sample(&stream, &truth, 0.3, 7);
    assert_eq!((again.rows, &again.truth), (sample.rows.clone(), &sample.truth));
    assert_ne!(eval::sample(&stream, &truth, 0.3, 8).truth, sample.truth);
    assert_eq!(eval::sample(&stream, &truth, 1.0, 7).rows.len(), stream.len());
}

#[test]
fn verdicts_are_known_after_their_delay_and_never_before() {
    let stream = stream(6_000);
    let sample = eval::sample(&stream, &truth(&stream), 1.0, 1);
    let none = run(&stream, &sample, EvalVerdicts::None);
    assert_eq!(none.len(), stream.len());
    assert!(none.iter().all(Scored::is_cold));
    assert!(none.iter().all(|s| s.baselines.len() == 5 && !s.opinions.iter().any(|o| o.1 < 0.0)));
    let alerts = |scored: &[Scored]| -> Vec<(EventTime, u32)> {
        let is_alert =
            |s: &&Scored| matches!(s.outcome, ScoreOutcome::Alert | ScoreOutcome::Explored);
        scored.iter().filter(is_alert).map(|s| (s.time, s.subject)).collect()
    };
    assert!(alerts(&none).len() > 20, "{} alerts", alerts(&none).len());

    let all = run(&stream, &sample, EvalVerdicts::All);
    let judged_from = stream.time(2_000).plus(EventTime::HOUR);
    assert!(all.iter().filter(|s| s.time < judged_from).all(Scored::is_cold));
    let late = all.iter().filter(|s| s.time > judged_from.plus(EventTime::DAY));
    assert!(late.clone().count() > 1_000 && !late.clone().any(Scored::is_cold));
    assert!(all.iter().all(|s| s.known.is_none_or(|k| k == sample.truth.is_positive(s.subject))));
    // Innocents raise no more alerts, and whoever is confirmed does so outside the budget.
    assert!(!late.clone().any(|s| s.outcome == ScoreOutcome::Alert));
    assert!(late.clone().all(|s| s.outcome != ScoreOutcome::ReAlert || s.known == Some(true)));

    let budget = run(&stream, &sample, EvalVerdicts::Budget(20.0));
    let known: Vec<u32> = budget.iter().filter(|s| !s.is_cold()).map(|s| s.subject).collect();
    assert!(!known.is_empty());
    let asked = alerts(&budget);
    assert!(known.iter().all(|k| asked.iter().any(|(_, subject)| subject == k)));
}

#[test]
fn the_same_seed_gives_the_same_scores() {
    let stream = stream(4_000);
    let sample = eval::sample(&stream, &truth(&stream), 0.5, 3);
    let text = |_| format!("{:?}", run(&stream, &sample, EvalVerdicts::Budget(20.0)));
    assert!(text(0) == text(1));
}

#[test]
fn moved_labels_go_to_other_subjects_as_many_and_as_active() {
    let stream = stream(3_000);
    let sample = eval::sample(&stream, &truth(&stream), 1.0, 1);
    let moved = eval::relabel(&stream, &sample, 5);
    assert_eq!(moved.positives().count(), 10);
    assert!(!moved.positives().any(|id| sample.truth.is_positive(id)));
    assert_eq!(moved, eval::relabel(&stream, &sample, 5));
    assert_ne!(moved, eval::relabel(&stream, &sample, 6));
}

fn txwarden(args: &[&str]) -> std::process::Output {
    Command::new(env!("CARGO_BIN_EXE_txwarden")).args(args).output().unwrap()
}

#[test]
fn the_command_reports_in_json_and_html_and_keeps_its_gate() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (json, html, gate) = (path("out.json"), path("out.html"), path("gate.yaml"));
    fs::write(&gate, "mean.auc: { min: 0.5 }\nmean.ap: { min: 2 }\n").unwrap();
    let run = |seed: &str, threads: &str, json: &str| {
        txwarden(&[
            "eval",
            "--simulate",
            "30000",
            "--seed",
            seed,
            "--budget",
            "5/d,20/d",
            "--control",
            "3",
            "--threads",
            threads,
            "--report",
            json,
            "--report",
            &html,
            "--gate",
            &gate,
        ])
    };
    let output = run("0,1", "2", &json);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("mean.ap is 0.") && !said.contains("mean.auc"), "{said}");
    let text = fs::read_to_string(&json).unwrap();
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(report["seeds"].as_array().unwrap().len(), 2);
    for at in [&report["mean"], &report["seeds"][1]] {
        for key in [
            "prevalence",
            "positives",
            "auc",
            "ap",
            "p_at_01",
            "p_at_1",
            "ap_cold",
            "prevalence_cold",
            "ap_no_value",
        ] {
            assert!(at[key].as_f64().is_some(), "{key} in {at}");
        }
        assert_eq!(at["budgets"].as_object().unwrap().len(), 2);
        for key in ["precision", "subject_recall", "weekly_ratio", "p95_day"] {
            assert!(at["budgets"]["20/d"][key].as_f64().is_some(), "{key} in {at}");
        }
        assert_eq!(at["baselines"].as_object().unwrap().len(), 5);
        assert!(at["p_below"]["1e-2"].as_f64().is_some());
        assert!(at["control"]["ap_cold"].as_f64().is_some());
    }
    let page = fs::read_to_string(&html).unwrap();
    assert!(page.matches("<svg").count() == 3 && !page.contains("http"), "not self-contained");
    // One thread finds the same.
    let alone = path("alone.json");
    run("0,1", "1", &alone);
    assert!(fs::read_to_string(&alone).unwrap() == text);
}

/// Runs the command over the labelled stream as a mapping tells it; `None` without the stream.
fn on_labelled_stream(test: &str, mapping: &str) -> Option<serde_json::Value> {
    let file = |name: &str| data::shared(test, &format!("eth-phish-stream/{name}"));
    let events = file("transactions_to_2017.csv.xz")?;
    let labels = file("labelled_accounts.csv").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out.json");
    let mapping = Path::new(env!("CARGO_MANIFEST_DIR")).join(mapping);
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let output = txwarden(&[
        "eval",
        "--format",
        "mapped",
        "--mapping",
        &text(&mapping),
        "--events",
        &text(&events),
        "--labels",
        &text(&labels),
        "--test-from",
        "2017-07",
        "--keep-positives",
        "0.1",
        "--skip-no-value",
        "--budget",
        "5/d",
        "--report",
        &text(&out),
    ]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(serde_json::from_slice(&fs::read(&out).unwrap()).unwrap())
}

#[test]
fn the_labelled_stream_ranks_far_above_chance() {
    let test = "eval::the_labelled_stream_ranks_far_above_chance";
    let Some(report) = on_labelled_stream(test, "config/mappings/ethereum_csv.yaml") else {
        return;
    };
    let mean = |pointer: &str| report["mean"].pointer(pointer).unwrap().as_f64().unwrap();
    let lift = mean("/ap") / mean("/prevalence");
    assert!(lift > 5.0 && mean("/auc") > 0.85, "{lift} times chance, AUC {}", mean("/auc"));
    assert!(mean("/baselines/random/auc") < 0.6);
    assert!((0.6..=1.3).contains(&mean("/budgets/5~1d/weekly_ratio")));
}

#[test]
fn the_same_behaviour_in_a_token_ranks_far_above_chance() {
    let test = "eval::the_same_behaviour_in_a_token_ranks_far_above_chance";
    let mapping = "fixtures/eval/ethereum_csv_as_token.yaml";
    let Some(report) = on_labelled_stream(test, mapping) else { return };
    let mean = |name: &str| report["mean"][name].as_f64().unwrap();
    let lift = mean("ap") / mean("prevalence");
    assert!(lift > 5.0 && mean("auc") > 0.85, "{lift} times chance, AUC {}", mean("auc"));
}
