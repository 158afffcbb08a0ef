//! Triage through its public door: lanes, cool-down, revisions, confirmation, retraction, budget.

use txwarden::{
    model::{
        AccountKey, Address, Alert, Band, BlockHash, Chain, DetectorId, DetectorKind, EventId,
        EventTime, Family, Finding, Inclusion, Severity, Status, Subject,
    },
    triage::{Case, Coordinates, Identity, Params, Raised, Stakes, Suppression, Triage, Via, Vote},
};

fn block(n: u8) -> BlockHash {
    txwarden::model::Hash32([n; 32])
}

fn finding(detector: &'static str, severity: Severity, account: u8) -> Finding {
    Finding {
        detector: DetectorId::new(detector),
        kind: DetectorKind::Rule,
        severity,
        subject: Subject::Account(Address::Evm([account; 20])),
        value: 120.0,
        expected: Band::below(100.0),
        unit: "ETH".into(),
        explanation: "120 ETH moved, more than 100 ETH".to_owned(),
        quiet_if: "value below 100 ETH".to_owned(),
        refs: Vec::new(),
        surprise: 0.0,
    }
}

struct Bench {
    triage: Triage,
    chain: Chain,
    at: Coordinates,
    alerts: Vec<Alert>,
}

impl Bench {
    fn new(params: Params) -> Self {
        Self {
            triage: Triage::new(params, Identity::default(), Family::Evm),
            chain: Chain::parse(Chain::ETHEREUM).unwrap(),
            at: Coordinates { topic: "t".to_owned(), ..Coordinates::default() },
            alerts: Vec::new(),
        }
    }

    fn raise(&mut self, event: u8, hour: i64, height: u64, finding: Finding) -> Raised {
        let case = Case {
            chain: &self.chain,
            event: EventId([event; 16]),
            time: EventTime::from_secs(hour * 3_600),
            inclusion: Some(Inclusion { height, block: Some(block(height as u8)), index: None }),
            pending: None,
            corroboration: Vec::new(),
            tx: None,
            stakes: Stakes::default(),
            at: &self.at,
        };
        self.triage.raise_rule(&case, "Large transfer", finding, None, &mut self.alerts)
    }

    fn statuses(&self) -> Vec<(u32, Status)> {
        self.alerts.iter().map(|a| (a.revision, a.status)).collect()
    }
}

#[test]
fn one_alert_per_event_subject_and_lane() {
    let mut bench = Bench::new(Params::default());
    assert_eq!(bench.raise(1, 0, 1, finding("large_native", Severity::Low, 7)), Raised::Alert);
    let again = bench.raise(1, 0, 1, finding("large_native", Severity::Low, 7));
    assert_eq!(again, Raised::Suppressed(Suppression::Duplicate));
    // Another lane about the same subject and event is another alert.
    assert_eq!(bench.raise(1, 0, 1, finding("fan_out", Severity::Low, 7)), Raised::Alert);
    assert_eq!(bench.alerts.len(), 2);
    assert_ne!(bench.alerts[0].alert_id, bench.alerts[1].alert_id);
    assert_eq!(bench.alerts.iter().map(|a| a.provenance.seq).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn info_raises_nothing_and_repeats_wait_for_the_cool_down() {
    let mut bench = Bench::new(Params::default());
    let info = bench.raise(1, 0, 1, finding("large_native", Severity::Info, 7));
    assert_eq!(info, Raised::Suppressed(Suppression::Severity));
    assert_eq!(bench.raise(2, 0, 1, finding("large_native", Severity::Low, 7)), Raised::Alert);
    let early = bench.raise(3, 23, 2, finding("large_native", Severity::Medium, 7));
    assert_eq!(early, Raised::Suppressed(Suppression::CoolDown));
    assert_eq!(bench.raise(4, 24, 3, finding("large_native", Severity::Low, 7)), Raised::Alert);
    assert_eq!(bench.alerts.len(), 2);
}

#[test]
fn grave_repeats_become_revisions_of_the_open_alert() {
    let mut bench = Bench::new(Params::default());
    bench.raise(1, 0, 1, finding("fan_out", Severity::Medium, 7));
    let raised = bench.raise(2, 1, 2, finding("fan_out", Severity::Critical, 7));
    assert_eq!(raised, Raised::Revision);
    let [first, second] = &bench.alerts[..] else { panic!("{:?}", bench.alerts) };
    assert_eq!((&first.alert_id, second.revision), (&second.alert_id, 2));
    assert_eq!(second.severity, Severity::Critical);
    assert_eq!(second.related.as_ref().unwrap().suppressed_count, 1);
    assert!(second.reason.contains("Repeated once"), "{}", second.reason);
}

#[test]
fn depth_confirms_a_reorg_retracts_and_re_inclusion_reinstates_under_one_id() {
    let mut bench = Bench::new(Params { n_confirmations: Some(3), ..Params::default() });
    bench.raise(1, 0, 10, finding("fan_out", Severity::High, 7));
    let at = bench.at.clone();
    bench.triage.advance(12, &at, &mut bench.alerts);
    assert_eq!(bench.statuses(), [(1, Status::Provisional)]);
    bench.triage.retract(&[block(10)], &block(99).hex(), &at, &mut bench.alerts);
    bench.raise(1, 0, 11, finding("fan_out", Severity::High, 7));
    bench.triage.advance(14, &at, &mut bench.alerts);
    assert_eq!(
        bench.statuses(),
        [
            (1, Status::Provisional),
            (2, Status::Retracted),
            (3, Status::Provisional),
            (4, Status::Confirmed)
        ]
    );
    assert!(bench.alerts.iter().all(|a| a.alert_id == bench.alerts[0].alert_id));
    assert_eq!(bench.alerts[1].retraction.as_ref().unwrap().by, block(99).hex());
    // Retracting a block that has no alerts is silent.
    bench.triage.retract(&[block(50)], &block(99).hex(), &at, &mut bench.alerts);
    assert_eq!(bench.alerts.len(), 4);
}

/// Folds a day of one transaction a second, every thousandth of which is loud.
fn score_lane(budget_per_day: f64) -> (usize, usize) {
    let mut bench = Bench::new(Params { budget_per_day, ..Params::default() });
    let (mut n_loud, mut n_suppressed) = (0, 0);
    for i in 0..86_400_u64 {
        let now = EventTime::from_secs(i as i64);
        let is_loud = i % 1_000 == 999;
        // Background surprises are exponential, as those of honest p-values are.
        let noise = -libm::log10((i as f64 * 0.618_033_988_749_895).fract().max(1e-12));
        let votes = [Vote {
            model_idx: 0,
            weight: 1.0,
            surprise: if is_loud { 9.0 } else { noise.min(2.0) },
        }];
        let account = AccountKey(i.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        match bench.triage.judge(0, account, &votes, 1.0, now) {
            Some(Ok(score)) => {
                let case = Case {
                    chain: &bench.chain,
                    event: EventId(std::array::from_fn(|b| (i >> (8 * (b % 8))) as u8)),
                    time: now,
                    inclusion: None,
                    pending: None,
                    corroboration: Vec::new(),
                    tx: None,
                    stakes: Stakes::default(),
                    at: &bench.at,
                };
                let subject = Subject::Account(Address::Evm([(i % 251) as u8; 20]));
                let explained = vec![(finding("spot", Severity::Low, 1), 1.0)];
                let raised = bench.triage.raise_score(
                    &case,
                    account,
                    subject,
                    &score,
                    explained,
                    &mut bench.alerts,
                );
                assert_eq!(raised, Raised::Alert);
                n_loud += usize::from(is_loud);
            }
            Some(Err(Suppression::Budget)) => n_suppressed += 1,
            _ => {}
        }
        bench.triage.learn(0, account, &votes, 1.0, now);
    }
    assert!(n_loud * 10 >= bench.alerts.len() * 9, "quiet events were raised");
    (bench.alerts.len(), n_suppressed)
}

#[test]
fn the_score_lane_raises_the_loud_and_the_budget_caps_it() {
    let (rich, _) = score_lane(480.0);
    assert!((50..=87).contains(&rich), "{rich} of 86 loud events raised");
    let (poor, suppressed) = score_lane(12.0);
    assert!((3..=16).contains(&poor), "{poor} alerts on a budget of 12");
    // The emptier the bucket the higher the threshold: nobody comes to find it empty.
    assert_eq!(suppressed, 0);
}

#[test]
fn a_vote_at_its_bar_keeps_the_score_quiet_and_just_above_it_does_not() {
    let mut triage = Triage::new(Params::default(), Identity::default(), Family::Evm);
    let vote = |model_idx, surprise| Vote { model_idx, weight: 1.0, surprise };
    let (total, now) = (2.0, EventTime::from_secs(0));
    for n in 0..20_000u64 {
        let surprise = -libm::log10(((n * 7_919 % 20_000) as f64 + 0.5) / 20_000.0);
        triage.learn(0, AccountKey(n), &[vote(0, surprise), vote(1, 0.1)], total, now);
    }
    let is_quiet = |votes: &[Vote]| {
        let p = triage.p_value(0, votes, total).unwrap();
        p > triage.p_threshold()
    };
    let loud = [vote(0, 5.0), vote(1, 1.0)];
    assert!(!is_quiet(&loud));
    let bars = triage.bars(0, &loud, total, Via::Budget);
    let bar = bars[0].expect("the second vote alone is not enough");
    assert!(is_quiet(&[vote(0, bar), loud[1]]) && bar < 5.0, "{bar}");
    assert!(!is_quiet(&[vote(0, bar + 1e-6), loud[1]]), "{bar}");
    assert_eq!(bars[1], None, "the first vote is enough without it");
}
