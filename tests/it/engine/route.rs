//! The merge of `route`: whatever the order, the number and the partitions that a chain's records
//! come in, the alerts are those of the clean stream.

use proptest::prelude::*;
use rand::{Rng, SeedableRng, seq::SliceRandom};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::{collections::BTreeSet, sync::Arc};
use txwarden::{
    decode::{Batch, Format, Settings},
    engine::{Action, Setup, Stats},
    model::{Chain, Record},
    order::{Merge, MergeWindow, Place, Released},
    pipeline::{Driver, Fits},
    sim::{Evm, Line, Scenario},
};

/// Blocks that a record may be late in these streams, and more than that for the merge to wait.
const LATE_MAX: u64 = 4;
const WINDOW: MergeWindow =
    MergeWindow { blocks: 8, idle_ms: 1_000, records_max: 100_000, bytes_max: 64 << 20 };

fn settings() -> Settings {
    Settings::new(Format::EthereumEtl, Chain::parse(Chain::ETHEREUM).unwrap())
}

fn record<'a>(offset: usize, line: &'a Line) -> Record<'a> {
    let (offset, kafka_ms) = (offset as i64, Some(line.event_time.millis()));
    Record { topic: "t", offset, kafka_ms, value: Some(line.json.as_bytes()), ..Record::default() }
}

/// The records of a simulated chain with all its incidents, a reorg among them. Pending sightings
/// are left out: they have no place in the chain that could be found again.
fn stream(seed: u64) -> (Vec<Line>, txwarden::model::Reference) {
    let evm = Evm { n_blocks: 700, n_users: 800, txs_per_block: 6.0, ..Evm::default() };
    let (mut lines, truth) = Scenario::new(seed).evm(evm).generate();
    lines.retain(|line| !line.is_pending);
    (lines, truth.reference)
}

/// Folds records; returns the canonical bodies of all alerts, sorted as they were raised.
fn fold(lines: &[Line], reference: &txwarden::model::Reference) -> (Vec<String>, Stats) {
    let setup = Setup {
        reference: Arc::new(reference.clone()),
        config_hash: "c".to_owned(),
        ..Setup::new(Chain::parse(Chain::ETHEREUM).unwrap())
    };
    let (mut driver, settings) = (Driver::new(setup, Fits::Inline).unwrap(), settings());
    let mut actions = Vec::new();
    for (offset, line) in lines.iter().enumerate() {
        driver.feed(&settings, record(offset, line), &mut actions);
    }
    let bodies = actions.iter().filter_map(|action| match action {
        Action::Alert(alert) => Some(alert.canonical_body().unwrap()),
        _ => None,
    });
    (bodies.collect(), driver.stats().clone())
}

/// Moves each record back by up to so many blocks.
fn shuffle(lines: &[Line], late_max: u64, rng: &mut impl Rng) -> Vec<Line> {
    let mut n_headers = 0u64;
    let mut keyed: Vec<(u64, u32, &Line)> = lines
        .iter()
        .map(|line| {
            n_headers += u64::from(line.json.starts_with("{\"type\": \"block\""));
            (n_headers + rng.gen_range(0..=late_max), rng.r#gen(), line)
        })
        .collect();
    keyed.sort_by_key(|(slot, tie, _)| (*slot, *tie));
    keyed.into_iter().map(|(_, _, line)| line.clone()).collect()
}

/// Deals records to partitions at random, each in order, as a producer without keys does.
fn deal(lines: &[Line], n_lanes: usize, rng: &mut impl Rng) -> Vec<Vec<Line>> {
    let mut lanes = vec![Vec::new(); n_lanes];
    lines.iter().for_each(|line| lanes[rng.gen_range(0..n_lanes)].push(line.clone()));
    lanes
}

/// Merges partitions, of which now one and now another is read ahead.
fn merge(lanes: &[Vec<Line>], window: MergeWindow, rng: &mut impl Rng) -> (Vec<Line>, Merge<Line>) {
    let mut merge = Merge::new(window, lanes.len(), None, 0);
    let (settings, mut batch) = (settings(), Batch::default());
    let mut next = vec![0; lanes.len()];
    let mut out = Vec::new();
    loop {
        let open: Vec<usize> = (0..lanes.len()).filter(|n| next[*n] < lanes[*n].len()).collect();
        let Some(&lane) = open.choose(rng) else { break };
        for _ in 0..rng.gen_range(1..400) {
            let Some(line) = lanes[lane].get(next[lane]) else { break };
            let place = Place::of(&settings, &record(next[lane], line), &mut batch);
            merge.push(lane, place, line.clone(), line.json.len(), 0);
            next[lane] += 1;
        }
        merge.settle(0);
        out.extend(merge.take().into_iter().map(|released| released.item));
    }
    // Nothing comes any more: the idle time closes the window.
    merge.settle(window.idle_ms);
    out.extend(merge.take().into_iter().map(|released| released.item));
    assert_eq!(merge.n_held(), 0);
    (out, merge)
}

#[test]
fn a_shuffled_doubled_and_split_stream_gives_the_alerts_of_the_clean_one() {
    for seed in 0..2 {
        let (clean, reference) = stream(seed);
        let (expected, stats) = fold(&clean, &reference);
        assert!(expected.len() >= 10, "{} alerts", expected.len());
        assert_eq!((stats.n_reorgs > 0, stats.n_late), (true, 0));
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        for (n_lanes, n_times) in [(1, 1), (2, 1), (4, 1), (1, 2), (4, 2)] {
            let copies: Vec<Line> =
                clean.iter().flat_map(|line| vec![line.clone(); n_times]).collect();
            let messy = shuffle(&copies, LATE_MAX, &mut rng);
            assert_ne!(messy, copies);
            let (routed, merge) = merge(&deal(&messy, n_lanes, &mut rng), WINDOW, &mut rng);
            assert_eq!((merge.counts().n_late, merge.counts().n_forced), (0, 0));
            let differs = routed.iter().zip(&copies).position(|(a, b)| a != b);
            assert_eq!(differs, None, "{n_lanes} lanes, {n_times} times");
            let (bodies, again) = fold(&routed, &reference);
            assert_eq!(bodies, expected, "{n_lanes} lanes, {n_times} times");
            assert_eq!(
                again.skipped.contains_key("duplicate"),
                n_times > 1 || stats.skipped.contains_key("duplicate")
            );
        }
    }
}

#[test]
fn what_is_shuffled_beyond_the_window_or_not_routed_gives_other_alerts() {
    let (clean, reference) = stream(0);
    let (expected, _) = fold(&clean, &reference);
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(1);
    let messy = shuffle(&clean, 40, &mut rng);
    let (bodies, stats) = fold(&messy, &reference);
    assert_ne!(bodies, expected, "the comparison sees nothing");
    assert!(stats.n_late > 100);
    // The stage cannot set this right, but it says so, and loses nothing.
    let (routed, merge) = merge(&deal(&messy, 2, &mut rng), WINDOW, &mut rng);
    assert!(merge.counts().n_late > 100);
    assert_ne!(fold(&routed, &reference).0, expected);
    let all = |lines: &[Line]| {
        let mut texts: Vec<String> = lines.iter().map(|line| line.json.clone()).collect();
        texts.sort();
        texts
    };
    assert_eq!(all(&routed), all(&clean));
}

/// A header of a small chain, by branch.
fn block(name: &str, parent: &str) -> String {
    let hash = |name: &str| {
        format!("0x{:0<64}", name.bytes().map(|b| format!("{b:02x}")).collect::<String>())
    };
    let height: u64 = name[..3].parse().unwrap();
    let (hash, parent) = (hash(name), hash(parent));
    format!(
        "{{\"type\":\"block\",\"number\":{height},\"hash\":\"{hash}\",\"parent_hash\":\"{parent}\",\
         \"timestamp\":{}}}",
        1_700_000_000 + 12 * height
    )
}

/// Pushes headers, a `!` closing the window and others named `height branch`; returns their order.
fn order(names: &str) -> String {
    let (settings, mut batch) = (settings(), Batch::default());
    let mut merge = Merge::new(MergeWindow { blocks: 4, ..WINDOW }, 1, None, 0);
    let (mut out, mut now_ms) = (Vec::new(), 0);
    let mut collect = |released: Vec<Released<String>>| {
        let name = |r: Released<String>| format!("{}{}", r.item, if r.is_late { "*" } else { "" });
        out.extend(released.into_iter().map(name));
    };
    for word in names.split(' ') {
        if word == "!" {
            now_ms += WINDOW.idle_ms;
            merge.settle(now_ms);
            collect(merge.take());
            continue;
        }
        let (name, parent) = word.split_once('<').unwrap_or((word, "000"));
        let text = block(name, parent);
        let record = Record { value: Some(text.as_bytes()), ..Record::default() };
        let place = Place::of(&settings, &record, &mut batch);
        assert!(place.is_some(), "{text}");
        merge.push(0, place, name.to_owned(), text.len(), now_ms);
        merge.settle(now_ms);
        collect(merge.take());
    }
    merge.close();
    collect(merge.take());
    out.join(" ")
}

#[test]
fn a_reorg_is_set_in_order_inside_the_window_and_below_it() {
    // Inside: each branch whole, the one that won last, whatever came first.
    assert_eq!(
        order("102b<101b 100a<099z 101b<100b 101a<100a 100b<099z 103b<102b"),
        "100a 101a 100b 101b 102b 103b"
    );
    // Below: what is held goes out, then the window opens where the chain went back to.
    assert_eq!(
        order("100a 101a<100a 102a<101a ! 101b<100a 102b<101b 103b<102b"),
        "100a 101a 102a 101b 102b 103b"
    );
    // A straggler of a block that is out is late, and no reorg.
    assert_eq!(order("100a 101a<100a ! 100a 102a<101a"), "100a 101a 100a* 102a");
    // Nothing is known of a height that nothing came of: late as well.
    assert_eq!(order("100a 102a ! 101a 103a"), "100a 102a 101a* 103a");
}

#[test]
fn garbage_heights_hold_nobody_up_and_bounds_hold() {
    let (settings, mut batch) = (settings(), Batch::default());
    let window = MergeWindow { blocks: 1_000, idle_ms: 1_000, records_max: 64, bytes_max: 1 << 20 };
    let mut merge = Merge::new(window, 2, None, 0);
    let mut n_max = 0;
    for n in 0..500u64 {
        let text = if n == 7 { block("999x", "000") } else { block(&format!("{:03}a", n), "000") };
        let text = if n == 7 { text.replace("\"number\":999", "\"number\":9999999") } else { text };
        let record = Record { value: Some(text.as_bytes()), ..Record::default() };
        merge.push(0, Place::of(&settings, &record, &mut batch), n, text.len(), 0);
        n_max = n_max.max(merge.n_held());
    }
    assert!((32..=64).contains(&n_max), "{n_max}");
    let first: Vec<u64> = merge.take().into_iter().filter(|r| !r.is_late).map(|r| r.item).collect();
    assert!(first.len() > 400 && first.is_sorted(), "{first:?}");
    assert!(merge.counts().n_forced > 400 && merge.wants(0) != (merge.n_held() > 32));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever comes, everything goes out exactly once, and in the order of its lane where a place
    /// cannot be found.
    #[test]
    fn nothing_is_lost_or_repeated(
        records in prop::collection::vec((0..3usize, 0..40u64, 0..3u8, 0..8u8), 1..300),
    ) {
        let (settings, mut batch) = (settings(), Batch::default());
        let window = MergeWindow { blocks: 3, idle_ms: 50, records_max: 60, bytes_max: 1 << 20 };
        let mut merge = Merge::new(window, 3, None, 0);
        let mut out = Vec::new();
        for (n, (lane, height, branch, kind)) in records.iter().enumerate() {
            let now_ms = n as i64;
            let name = |height: u64| format!("{:03}{}", 100 + height, (b'a' + branch) as char);
            let text = match kind {
                0 => "{\"type\":\"transaction\"}".to_owned(),
                _ => block(&name(*height), &name(height.saturating_sub(1))),
            };
            let record = Record { value: Some(text.as_bytes()), ..Record::default() };
            let mut place = Place::of(&settings, &record, &mut batch);
            if let (Some(place), 1) = (&mut place, kind) {
                place.is_revert = true;
            }
            merge.push(*lane, place, n, text.len(), now_ms);
            merge.settle(now_ms);
            out.extend(merge.take().into_iter().map(|r| r.item));
            prop_assert!(merge.n_held() < 60);
        }
        merge.close();
        out.extend(merge.take().into_iter().map(|r| r.item));
        prop_assert_eq!(merge.n_held(), 0);
        let distinct: BTreeSet<usize> = out.iter().copied().collect();
        prop_assert_eq!((out.len(), distinct.len()), (records.len(), records.len()));
    }
}
