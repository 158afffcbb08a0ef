//! Tests of who belongs together on a UTXO chain, of taint, and of how transactions are written.

use super::{
    chain::{address, at, included, utxo},
    fold, params, state,
};
use std::collections::BTreeMap;
use txwarden::{
    model::{Body, Chain, Event, Label, LabelKind, Reference, TxBody, UtxoTx},
    state::{Params, State, TAINT_HOPS_MAX},
};

/// A transaction in a block of its own.
fn mined(n: u64, inputs: &[(u64, u32, u8, u64)], outputs: &[(u8, u64)]) -> Event {
    let mut event = utxo(n, inputs, outputs);
    event.time = at(1_000_000 + n as i64 * 600);
    included(&mut event, 100 + n, 1);
    event
}

fn body(event: &Event) -> &UtxoTx {
    match &event.body {
        Body::Tx(tx) => match &tx.body {
            TxBody::Utxo(body) => body,
            TxBody::Evm(_) => panic!("not a utxo transaction"),
        },
        _ => panic!("not a transaction"),
    }
}

/// Returns the number of the account that stands for an account's entity, and its members.
fn entity(state: &State, owner: u8) -> Option<(u8, u32)> {
    let entity = state.entity(state.key(&address(owner)), at(1_000_000))?;
    let root = (1..=255).find(|n| state.key(&address(*n)) == entity.root).unwrap();
    Some((root, entity.n_members))
}

#[test]
fn who_spends_together_is_one_entity() {
    let mut state = state(Chain::BITCOIN);
    fold(&mut state, &mined(1, &[(900, 0, 1, 50), (901, 0, 2, 70)], &[(9, 110)]));
    assert_eq!((entity(&state, 1), entity(&state, 2)), (Some((2, 2)), Some((2, 2))));
    assert_eq!((entity(&state, 9), entity(&state, 3)), (None, None), "one that spends alone");
    fold(&mut state, &mined(2, &[(902, 0, 3, 50), (903, 0, 4, 70)], &[(9, 110)]));
    assert_ne!(entity(&state, 3).unwrap().0, entity(&state, 1).unwrap().0);
    // Links are transitive: 1-2, 3-4 and 2-3 make one of four.
    fold(&mut state, &mined(3, &[(904, 0, 2, 50), (905, 0, 3, 70)], &[(9, 110)]));
    for owner in 1..=4 {
        assert_eq!(entity(&state, owner).unwrap().1, 4, "{owner}");
        assert_eq!(entity(&state, owner).unwrap().0, entity(&state, 1).unwrap().0);
    }
    assert_eq!(state.n_united_accounts(), 4);
}

#[test]
fn a_mix_unites_nobody() {
    let mut state = state(Chain::BITCOIN);
    let inputs = [(900, 0, 1, 130), (901, 0, 2, 120), (902, 0, 3, 105)];
    let mix = mined(1, &inputs, &[(11, 100), (12, 100), (13, 100), (14, 30), (15, 20)]);
    assert!(body(&mix).may_be_joint());
    fold(&mut state, &mix);
    assert_eq!((entity(&state, 1), state.n_united_accounts()), (None, 0));
    // The control: the same inputs with other outputs.
    let payment = mined(2, &inputs, &[(11, 100), (14, 250)]);
    assert!(!body(&payment).may_be_joint());
    fold(&mut state, &payment);
    assert_eq!(entity(&state, 1).unwrap().1, 3);
}

#[test]
fn an_entity_knows_whom_it_has_paid() {
    let mut state = state(Chain::BITCOIN);
    fold(&mut state, &mined(1, &[(900, 0, 1, 50), (901, 0, 2, 70)], &[(9, 110), (1, 5)]));
    let paid = |state: &State| {
        let entity = state.entity(state.key(&address(2)), at(1_000_600)).unwrap();
        (entity.paid_24h, entity.paid_new_24h)
    };
    assert_eq!(paid(&state), (1.0, 1.0), "change is no payment");
    // Its other account pays the same one again, then somebody else.
    fold(&mut state, &mined(2, &[(902, 0, 2, 50)], &[(9, 40)]));
    let (n, n_new) = paid(&state);
    assert!((n - 2.0).abs() < 0.02 && (n_new - 1.0).abs() < 0.02, "{n} {n_new}");
    fold(&mut state, &mined(3, &[(903, 0, 1, 50)], &[(10, 40)]));
    let (n, n_new) = paid(&state);
    assert!((n - 3.0).abs() < 0.05 && (n_new - 2.0).abs() < 0.05, "{n} {n_new}");
}

#[test]
fn a_full_table_forgets_accounts_but_never_joins_strangers() {
    let tiny = Params { accounts_max: 8, ..params() };
    let mut state = State::new(Chain::parse(Chain::BITCOIN).unwrap(), &tiny, 7);
    // Two families, odd and even, of sixty accounts each; every link is inside one of them.
    let mut n_linked = 0;
    for n in 1..2_000u64 {
        let (a, b) = ((n * 7 % 120) as u8 + 1, (n * 13 % 60) as u8 * 2 + 1);
        let b = if a % 2 == 1 { b } else { b + 1 };
        if a == b {
            continue;
        }
        let inputs = [(9_000 + n, 0, a, 50), (20_000 + n, 0, b, 70)];
        fold(&mut state, &mined(n, &inputs, &[(200, 100)]));
        assert!(state.n_united_accounts() <= 8);
        for owner in 1..=120u8 {
            if let Some((root, _)) = entity(&state, owner) {
                assert_eq!(root % 2, owner % 2, "{owner} is under {root} after {n}");
                n_linked += usize::from(root != owner);
            }
        }
    }
    assert!(n_linked > 5_000, "{n_linked}");
}

#[test]
fn taint_is_shared_by_value_and_ends_after_four_payments() {
    let mut state = state(Chain::BITCOIN);
    let label = Label {
        kind: LabelKind::Mixer,
        name: "m".to_owned(),
        source: "test".to_owned(),
        confidence: 1.0,
        expires: None,
    };
    let labels = BTreeMap::from([(address(66), vec![label])]);
    let reference = Reference { labels, ..Reference::default() };
    let apply = |state: &mut State, event: &Event| {
        state.admit(event);
        state.apply_labelled(event, &reference);
    };
    apply(&mut state, &mined(1, &[], &[(66, 400), (1, 400)]));
    let half = mined(2, &[(1, 0, 0, 0), (1, 1, 0, 0)], &[(2, 800)]);
    let taint = state.taint(body(&half)).unwrap();
    assert!((taint.share - 0.5).abs() < 1e-4 && taint.n_hops == 0, "{taint:?}");
    assert_eq!(state.taint(body(&mined(2, &[(1, 1, 0, 0)], &[(2, 400)]))), None, "unlabelled");
    apply(&mut state, &half);
    for n_hops in 1..=TAINT_HOPS_MAX {
        let spend = mined(2 + u64::from(n_hops), &[(1 + u64::from(n_hops), 0, 0, 0)], &[(3, 800)]);
        let taint = state.taint(body(&spend)).unwrap();
        assert!((taint.share - 0.5).abs() < 1e-4 && taint.n_hops == n_hops, "{taint:?}");
        apply(&mut state, &spend);
    }
    let last = 2 + u64::from(TAINT_HOPS_MAX);
    assert_eq!(state.taint(body(&mined(last + 1, &[(last, 0, 0, 0)], &[(3, 800)]))), None);
}

#[test]
fn an_unusual_way_of_writing_is_rare() {
    let mut state = state(Chain::BITCOIN);
    let written = |n: u64, version: i32, lock_time: u32| {
        let mut event = mined(n, &[(9_000 + n, 0, 1, 50)], &[(2, 40)]);
        if let Body::Tx(tx) = &mut event.body
            && let TxBody::Utxo(body) = &mut tx.body
        {
            (body.version, body.lock_time) = (Some(version), Some(lock_time));
        }
        event
    };
    for n in 1..=300 {
        let event = written(n, 2, if n % 3 == 0 { 700_000 } else { 0 });
        assert_eq!(state.way_rarity(body(&event)).is_some(), n > 256, "{n}");
        fold(&mut state, &event);
    }
    let rarity = |version, lock_time| state.way_rarity(body(&written(1, version, lock_time)));
    let [usual, less, never] = [rarity(2, 0), rarity(2, 700_000), rarity(1, 1_600_000_000)];
    assert!(usual < less && less < never && never > Some(5.0), "{usual:?} {less:?} {never:?}");
}
