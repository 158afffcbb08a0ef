//! The conformance suite of the model table, and proof that it catches broken models.

mod broken;
mod traffic;

use broken::{Broken, Fault};
use traffic::{Scenario, Traffic, WARM_UP_EVENTS};
use txwarden::{
    detect::{FINDING_SURPRISE_MIN, FitJob, Model, Opinion, Ruling, SURPRISE_MAX, Scene, models},
    feature,
    model::{Body, Family, Judgement, Reference},
    state::{Params, State},
};

/// No model may speak of the first so many events: it knows nothing yet.
const SILENT_EVENTS: usize = 20;

/// From here on snapshots are compared and restored.
const HALF: usize = WARM_UP_EVENTS;

/// Before this event an analyst judges the receivers of some planted events and some others.
const JUDGED_AT: usize = WARM_UP_EVENTS + 400;

type Build<'a> = &'a dyn Fn() -> Box<dyn Model>;

/// Which planted traffic each model must tell from the background.
const SCENARIOS: &[(&str, Scenario)] = &[
    ("soft_and", Scenario::Collector),
    ("burst", Scenario::Burst),
    ("amount_z", Scenario::LargeForSender),
    ("peer_z", Scenario::LargeForAll),
    ("spot", Scenario::LargeForAll),
    ("seasonal", Scenario::Flood),
    ("kmeans", Scenario::Strange),
    ("dbscan", Scenario::Pocket),
    ("creep", Scenario::Creep),
    ("verdicts", Scenario::Collector),
];

#[test]
fn every_model_conforms() {
    for entry in models::TABLE {
        let scenario = SCENARIOS.iter().find(|(id, _)| *id == entry.meta.id);
        let (_, scenario) = scenario.expect("each model has a scenario it is good at");
        let schema = feature::schema(Family::Evm);
        let build = || (entry.build)(&serde_json::Map::new(), schema, 7).unwrap();
        let traffic = Traffic::evm(*scenario);
        if let Err(fault) = conformance(&build, &traffic) {
            panic!("{}: {fault}", entry.meta.id);
        }
    }
}

#[test]
fn every_model_runs_on_utxo_chains() {
    let traffic = Traffic::utxo();
    let schema = feature::schema(Family::Utxo);
    let mut n_opinions = 0;
    for entry in models::TABLE {
        let build = || (entry.build)(&serde_json::Map::new(), schema, 7).unwrap();
        let outcome =
            run(&build, &traffic, None).unwrap_or_else(|f| panic!("{}: {f}", entry.meta.id));
        n_opinions += outcome.opinions.iter().flatten().count();
    }
    assert!(n_opinions > 10_000, "only {n_opinions} opinions");
}

#[test]
fn defaults_are_objects_and_unknown_parameters_are_refused() {
    let schema = feature::schema(Family::Evm);
    for entry in models::TABLE {
        let defaults = (entry.defaults)();
        let defaults = defaults.as_object().unwrap_or_else(|| panic!("{}", entry.meta.id));
        assert!(
            (entry.build)(defaults, schema, 1).is_ok(),
            "{} refuses its defaults",
            entry.meta.id
        );
        let mut misspelt = defaults.clone();
        misspelt.insert("no_such_parameter".to_owned(), 1.into());
        assert!((entry.build)(&misspelt, schema, 1).is_err(), "{} takes anything", entry.meta.id);
    }
}

#[test]
fn the_suite_catches_broken_models() {
    let traffic = Traffic::evm(Scenario::LargeForAll);
    let verdict = |fault| {
        let build = || Box::new(Broken::new(fault)) as Box<dyn Model>;
        conformance(&build, &traffic).err()
    };
    assert_eq!(verdict(Fault::None), None);
    for (fault, complaint) in [
        (Fault::NotANumber, "not finite"),
        (Fault::LearnsInScore, "score changed the model"),
        (Fault::ForgetsInSnapshot, "differs after a restore"),
        (Fault::Eager, "speaks in warm-up"),
        (Fault::Guesses, "no better than chance"),
        (Fault::TakesAnySnapshot, "takes a broken snapshot"),
    ] {
        let found = verdict(fault).unwrap_or_default();
        assert!(found.contains(complaint), "{fault:?} gave {found:?}");
    }
}

/// What one run over the traffic came to.
struct Outcome {
    opinions: Vec<Option<Opinion>>,
    snapshot: Vec<u8>,
}

/// Holds one model against everything a model promises.
fn conformance(build: Build<'_>, traffic: &Traffic) -> Result<(), String> {
    let first = run(build, traffic, None)?;
    if first.opinions[..SILENT_EVENTS].iter().any(Option::is_some) {
        return Err("speaks in warm-up".to_owned());
    }
    let n_opinions = first.opinions.iter().flatten().count();
    if n_opinions < 100 {
        return Err(format!("only {n_opinions} opinions: nothing was tested"));
    }
    let again = run(build, traffic, Some(HALF))?;
    if again.opinions != first.opinions || again.snapshot != first.snapshot {
        return Err("differs after a restore from its snapshot".to_owned());
    }
    let broken = [&[][..], &[0xff; 9], &first.snapshot[..first.snapshot.len() / 2]];
    if broken.iter().any(|bytes| build().restore(bytes).is_ok()) {
        return Err("takes a broken snapshot".to_owned());
    }
    let judged = first.opinions.iter().zip(&traffic.events).skip(WARM_UP_EVENTS);
    let auc = auc(judged.map(|(o, e)| (o.map_or(0.0, |o| o.surprise), e.is_planted)));
    if auc < 0.6 {
        return Err(format!("no better than chance: AUC {auc:.3}"));
    }
    Ok(())
}

/// Scores, then learns, all traffic; at `restore_at` goes on with a model restored from bytes.
fn run(build: Build<'_>, traffic: &Traffic, restore_at: Option<usize>) -> Result<Outcome, String> {
    let mut model = build();
    let mut state = State::new(traffic.chain.clone(), &Params::default(), 3);
    let reference = Reference::default();
    let mut job: Option<FitJob> = None;
    let mut opinions = Vec::new();
    for (n, planted) in traffic.events.iter().enumerate() {
        if restore_at == Some(n) {
            let bytes = model.snapshot();
            model = build();
            model.restore(&bytes).map_err(|e| format!("refuses its own snapshot: {e}"))?;
        }
        if n == JUDGED_AT {
            judge(&mut *model, &state, &traffic.events[WARM_UP_EVENTS..n]);
        }
        if let Some(job) = job.take_if(|job| job.takeover_at <= n as u64) {
            model.install(models::run_fit(&job));
        }
        let event = &planted.event;
        let admission = state.admit(event);
        if !matches!(&event.body, Body::Tx(_)) {
            continue;
        }
        let parties = feature::parties(event, &state);
        let features = feature::extract(event, &parties, &state).unwrap();
        let scene = Scene {
            chain: &traffic.chain,
            event,
            signals: &admission.signals,
            state: &state,
            reference: &reference,
            parties,
            features: Some(&features),
        };
        opinions.push(score(&*model, &scene, n)?);
        model.learn(&scene, opinions.last().and_then(Option::as_ref));
        job = model.request_fit(n as u64 + 1).or(job);
        state.apply(event);
    }
    Ok(Outcome { opinions, snapshot: model.snapshot() })
}

/// Confirms what was planted, and refutes one ordinary event in sixteen.
fn judge(model: &mut dyn Model, state: &State, events: &[traffic::Planted]) {
    for (n, planted) in events.iter().enumerate() {
        let Some(account) = feature::parties(&planted.event, state).receiver else { continue };
        let judgement = match planted.is_planted {
            true => Judgement::TruePositive,
            false if n % 16 == 0 => Judgement::FalsePositive,
            false => continue,
        };
        model.judge(&Ruling {
            account: account.0,
            is_of_tx: false,
            judgement,
            weight: 1.0,
            analyst: 1,
            time: planted.event.time,
        });
    }
}

/// Scores one event and checks what every opinion promises.
fn score(model: &dyn Model, scene: &Scene<'_>, n: usize) -> Result<Option<Opinion>, String> {
    // Comparing snapshots at each event would take minutes.
    let is_probed = n.is_multiple_of(499);
    let before = is_probed.then(|| model.snapshot());
    let opinion = model.score(scene);
    if let Some(o) = &opinion {
        let is_finite = o.value.is_finite() && o.surprise.is_finite();
        if !is_finite || !(0.0..=SURPRISE_MAX).contains(&o.surprise) {
            return Err(format!("opinion is not finite or out of range: {o:?}"));
        }
        if is_probed || o.surprise > 3.0 {
            explain(model, scene, o)?;
        }
    }
    let is_same = |before: Vec<u8>| model.score(scene) == opinion && model.snapshot() == before;
    if !before.is_none_or(is_same) {
        return Err("score changed the model".to_owned());
    }
    Ok(opinion)
}

fn explain(model: &dyn Model, scene: &Scene<'_>, opinion: &Opinion) -> Result<(), String> {
    let finding = model.explain(scene, opinion, FINDING_SURPRISE_MIN);
    let text = &finding.explanation;
    let is_sentence = text.ends_with('.') && text.contains(|c: char| c.is_ascii_digit());
    if !is_sentence || text.contains("NaN") || finding.quiet_if.is_empty() {
        return Err(format!("explains badly: {text:?}, {:?}", finding.quiet_if));
    }
    let is_own = finding.detector == model.meta().id && finding.kind == model.meta().kind;
    if !is_own || finding.surprise != opinion.surprise {
        return Err("explains another opinion than its own".to_owned());
    }
    Ok(())
}

/// Returns the chance that a planted event outscores an ordinary one, ties counting half.
fn auc(scored: impl Iterator<Item = (f64, bool)>) -> f64 {
    let (planted, ordinary): (Vec<_>, Vec<_>) = scored.partition(|(_, is_planted)| *is_planted);
    assert!(planted.len() > 10 && ordinary.len() > 1_000, "the scenario planted nothing");
    let mut wins = 0.0;
    for (a, _) in &planted {
        for (b, _) in &ordinary {
            wins += if a > b { 1.0 } else { f64::from(u8::from(a == b)) / 2.0 };
        }
    }
    wins / (planted.len() * ordinary.len()) as f64
}
