//! Tests of state: what is remembered of accounts, pairs, outputs, conflicts and blocks.

pub mod chain;
pub(crate) mod checks;
mod entities;
pub(crate) mod mempool;
mod reorg;
pub(crate) mod reorgs;
mod tables;
pub(crate) mod tokens;

use chain::{address, at, evm, included, utxo};
use txwarden::{
    model::{
        Amount, Body, Chain, ConflictKind, Event, EventTime, OutPoint, Outcome, OutcomeStatus,
        Reorg, Signal, Step,
    },
    state::{Disposition, Params, State, WindowKind},
};

/// Makes a state with tables small enough for a test.
pub fn state(chain: &str) -> State {
    State::new(Chain::parse(chain).unwrap(), &params(), 7)
}

/// Returns bounds that nothing in these tests reaches.
pub fn params() -> Params {
    Params { edges_max: 65_536, ..Params::default() }
}

/// Admits and applies an event; returns the disposition and the signals.
pub fn fold(state: &mut State, event: &Event) -> (Disposition, Vec<Signal>) {
    let admission = state.admit(event);
    if admission.disposition != Disposition::Duplicate {
        state.apply(event);
    }
    (admission.disposition, admission.signals)
}

fn conflict_of(state: &mut State, event: &Event) -> Option<(ConflictKind, bool, Amount)> {
    let (_, signals) = fold(state, event);
    signals.into_iter().find_map(|signal| match signal {
        Signal::Conflict(c) => Some((c.kind, c.is_original_confirmed, c.value_at_risk)),
        Signal::Reorg(_) => None,
    })
}

fn reorgs<'a>(signals: &'a [Signal]) -> Vec<&'a Reorg> {
    let reorg = |signal: &'a Signal| match signal {
        Signal::Reorg(reorg) => Some(reorg),
        Signal::Conflict(_) => None,
    };
    signals.iter().filter_map(reorg).collect()
}

#[test]
fn a_profile_tells_what_an_account_has_received() {
    let mut state = state(Chain::ETHEREUM);
    let receiver = state.key(&address(100));
    for n in 0..10u64 {
        let mut event = evm(n, address(n as u8 % 5), address(100), 500_000_000_000_000_000);
        event.time = at(1_000 + n as i64 * 3_600);
        included(&mut event, 10 + n, 1);
        assert_eq!(fold(&mut state, &event).0, Disposition::New);
        assert_eq!(fold(&mut state, &event).0, Disposition::Duplicate);
    }
    let profile = *state.profile(receiver).unwrap();
    let now = at(1_000 + 9 * 3_600);
    assert_eq!((profile.n_in(), profile.n_senders(), profile.n_single_senders()), (10, 5, 0));
    assert_eq!((profile.n_fresh_senders(), profile.n_out()), (5, 0));
    assert_eq!(profile.first_seen(), at(1_000));
    assert!((profile.total_in() - 5.0).abs() < 1e-6 && profile.max_in() == 0.5);
    assert!((profile.share_mid_in() - 1.0).abs() < 1e-9, "{}", profile.share_mid_in());
    assert!((profile.share_round_in() - 1.0).abs() < 1e-9);
    assert!((profile.mean_log_in() + 0.3).abs() < 0.01, "{}", profile.mean_log_in());
    // One an hour with a half-life of an hour: 1 + 1/2 + 1/4 + …
    assert!((profile.in_1h(now) - 2.0).abs() < 0.01, "{}", profile.in_1h(now));
    assert!((profile.in_1h(now.plus(EventTime::HOUR)) - 1.0).abs() < 0.01);
    assert!(profile.new_senders_24h(now) > 4.0 && profile.new_senders_24h(now) < 5.0);
    assert_eq!(state.n_payments(state.key(&address(0)), receiver), 2);
    assert_eq!(state.n_payments(receiver, state.key(&address(0))), 0);
    let moves: Vec<_> = state.received(receiver).collect();
    assert_eq!(moves.len(), 10);
    assert!(moves.windows(2).all(|pair| pair[0].time >= pair[1].time), "newest first");
    assert!(moves[9].is_new_edge && moves[9].is_fresh_receiver && !moves[0].is_new_edge);
    assert_eq!(state.sent(state.key(&address(0))).count(), 2);
    assert_eq!(state.window(WindowKind::Sent10m, state.key(&address(4)), now), 1.0);
}

#[test]
fn own_mean_and_spread_follow_the_values_sent() {
    let mut state = state(Chain::ETHEREUM);
    for n in 0..40u64 {
        let wei = if n % 2 == 0 { 100 } else { 10_000 } * 1_000_000_000_000_000_000u128;
        let mut event = evm(n, address(1), address(2), wei);
        included(&mut event, n + 1, 1);
        fold(&mut state, &event);
    }
    let (mean, spread) = state.profile(state.key(&address(1))).unwrap().log_out().unwrap();
    assert!((mean - 3.0).abs() < 0.1 && (spread - 1.0).abs() < 0.1, "{mean} ± {spread}");
    assert!(state.profile(state.key(&address(2))).unwrap().log_out().is_none());
}

#[test]
fn a_failed_transaction_moves_nothing_but_is_counted() {
    let mut state = state(Chain::ETHEREUM);
    let mut event = evm(1, address(1), address(2), 5);
    included(&mut event, 1, 1);
    let Body::Tx(tx) = &mut event.body else { unreachable!() };
    let status = OutcomeStatus::Failed;
    let none = None;
    tx.outcome = Some(Outcome {
        status,
        gas_used: none,
        effective_gas_price: None,
        created: None,
        l1_fee: None,
    });
    fold(&mut state, &event);
    let (from, to) = (state.key(&address(1)), state.key(&address(2)));
    assert_eq!(state.profile(from).map(|p| (p.n_out(), p.total_out())), Some((1, 0.0)));
    assert!(state.profile(to).is_none());
    assert_eq!(state.window(WindowKind::FailedCalls1h, to, event.time), 1.0);
    assert!(state.sent(from).all(|m| m.is_failed && m.value == 0.0));
    assert_eq!((state.sent(from).count(), state.n_payments(from, to)), (1, 0));
}

#[test]
fn a_pending_transaction_is_learned_when_it_is_in_a_block() {
    let mut state = state(Chain::ETHEREUM);
    let pending = evm(1, address(1), address(2), 5);
    assert_eq!(fold(&mut state, &pending).0, Disposition::New);
    assert_eq!(fold(&mut state, &pending).0, Disposition::Duplicate);
    assert_eq!(state.n_accounts(), 0);
    let mut confirmed = pending.clone();
    included(&mut confirmed, 1, 1);
    assert_eq!(fold(&mut state, &confirmed), (Disposition::New, Vec::new()));
    assert_eq!(state.n_accounts(), 2);
    assert_eq!(fold(&mut state, &pending).0, Disposition::Duplicate);
}

#[test]
fn replacements_are_told_apart() {
    let base = |n: u64| {
        let mut event = evm(n, address(1), address(2), 100);
        let Body::Tx(tx) = &mut event.body else { unreachable!() };
        let txwarden::model::TxBody::Evm(evm) = &mut tx.body else { unreachable!() };
        evm.nonce = Some(9);
        event
    };
    let with = |n: u64, to: u8, wei: u64| {
        let mut event = base(n);
        let Body::Tx(tx) = &mut event.body else { unreachable!() };
        let txwarden::model::TxBody::Evm(evm) = &mut tx.body else { unreachable!() };
        (evm.to, evm.value) = (Some(address(to)), Amount::from_u64(wei));
        event
    };
    let cases = [
        (base(2), ConflictKind::SpeedUp, 0),
        (with(2, 1, 0), ConflictKind::Cancel, 100),
        (with(2, 3, 100), ConflictKind::Redirect, 100),
    ];
    for (replacement, kind, at_risk) in cases {
        let mut state = state(Chain::ETHEREUM);
        assert_eq!(conflict_of(&mut state, &base(1)), None);
        let expected = Some((kind, false, Amount::from_u64(at_risk)));
        assert_eq!(conflict_of(&mut state, &replacement), expected);
    }
    // Three days later nobody competes any more.
    let mut state = state(Chain::ETHEREUM);
    fold(&mut state, &base(1));
    let mut late = with(2, 3, 100);
    late.time = late.time.plus(73 * EventTime::HOUR);
    assert_eq!(conflict_of(&mut state, &late), None);
}

#[test]
fn a_fee_bump_is_no_double_spend() {
    let spend = |n: u64, outputs: &[(u8, u64)]| utxo(n, &[(99, 0, 1, 100_000)], outputs);
    let cases = [
        (spend(2, &[(2, 60_000), (1, 29_000)]), ConflictKind::SpeedUp, 0),
        (spend(2, &[(3, 60_000), (1, 39_000)]), ConflictKind::DoubleSpend, 60_000),
        (spend(2, &[(2, 20_000), (1, 79_000)]), ConflictKind::DoubleSpend, 40_000),
    ];
    for (replacement, kind, at_risk) in cases {
        let mut state = state(Chain::BITCOIN);
        fold(&mut state, &spend(1, &[(2, 60_000), (1, 39_000)]));
        let expected = Some((kind, false, Amount::from_u64(at_risk)));
        assert_eq!(conflict_of(&mut state, &replacement), expected);
    }
}

#[test]
fn a_reorg_that_swaps_a_payment_is_a_confirmed_double_spend() {
    let mut state = state(Chain::BITCOIN);
    let mut old = utxo(1, &[(99, 0, 1, 100_000)], &[(2, 90_000)]);
    let mut new = utxo(2, &[(99, 0, 1, 100_000)], &[(3, 90_000)]);
    included(&mut old, 5, 1);
    included(&mut new, 5, 2);
    fold(&mut state, &old);
    let (_, signals) = fold(&mut state, &new);
    assert_eq!(reorgs(&signals).len(), 1);
    let [_, Signal::Conflict(conflict)] = &signals[..] else { panic!("{signals:?}") };
    assert_eq!(conflict.kind, ConflictKind::DoubleSpend);
    assert!(conflict.is_original_confirmed);
    assert!(state.profile(state.key(&address(2))).is_none(), "the old payment is undone");
    assert!(state.profile(state.key(&address(3))).is_some());
}

#[test]
fn outputs_carry_values_accounts_and_peel_chains() {
    let mut state = state(Chain::BITCOIN);
    let mut first = utxo(1, &[], &[(1, 1_000_000)]);
    included(&mut first, 1, 1);
    fold(&mut state, &first);
    let mut value = 1_000_000;
    for n in 2..8u64 {
        value -= 50_000;
        // The exporter says neither value nor address of the input: state does.
        let outputs = [(40 + n as u8, 50_000), (1, value)];
        let mut hop = utxo(n, &[(n - 1, u32::from(n > 2), 0, 0)], &outputs);
        included(&mut hop, n, 1);
        let Body::Tx(tx) = &hop.body else { unreachable!() };
        let input = &tx.utxo().unwrap().inputs[0];
        let account = Some(state.key(&address(1)));
        assert_eq!(state.resolve_input(input), Some((value + 50_000, account)));
        fold(&mut state, &hop);
        assert_eq!(state.resolve_input(input), None, "it is spent");
        let change = OutPoint { tx: tx.id, index: 1 };
        assert_eq!(state.output(&change).unwrap().n_peels, n as u16 - 1);
        assert_eq!(state.output(&OutPoint { tx: tx.id, index: 0 }).unwrap().n_peels, 0);
    }
    // Change is no receipt: the peeler has received once and sent six times.
    let peeler = state.profile(state.key(&address(1))).unwrap();
    assert_eq!((peeler.n_in(), peeler.n_out(), peeler.n_recipients()), (1, 6, 6));
    assert!((peeler.total_out() - 0.003).abs() < 1e-9, "{}", peeler.total_out());
}

#[test]
fn a_parent_that_is_not_the_tip_proves_the_tip_orphaned() {
    let mut state = state(Chain::ETHEREUM);
    for height in 1..=5 {
        fold(&mut state, &chain::block(height, 1, 1));
        let mut event = evm(height, address(height as u8), address(100), 5);
        included(&mut event, height, 1);
        fold(&mut state, &event);
    }
    // Height 5 was replaced, and the exporter never says by what: only the parent of 6 does.
    let (disposition, signals) = fold(&mut state, &chain::block(6, 2, 2));
    assert_eq!(disposition, Disposition::New);
    let [reorg] = reorgs(&signals)[..] else { panic!("{signals:?}") };
    assert_eq!((reorg.depth_at_least, reorg.from_height, reorg.is_too_deep), (1, 5, false));
    assert_eq!(reorg.reverted, [chain::block_hash(5, 1)]);
    assert_eq!(reorg.new_hash, Some(chain::block_hash(5, 2)));
    assert_eq!((state.tip_height(), state.n_gaps()), (Some(6), 1));
    assert!(state.profile(state.key(&address(5))).is_none());
    assert!(state.profile(state.key(&address(4))).is_some());
    // The block is published after all: late, and no new reorg.
    let mut event = evm(50, address(50), address(100), 5);
    included(&mut event, 5, 2);
    assert_eq!(fold(&mut state, &event), (Disposition::Late, Vec::new()));
}

#[test]
fn a_block_that_its_source_takes_back_is_undone_with_what_is_above() {
    let mut state = state(Chain::ETHEREUM);
    for height in 1..=5 {
        fold(&mut state, &chain::block(height, 1, 1));
        let mut event = evm(height, address(height as u8), address(100), 5);
        included(&mut event, height, 1);
        fold(&mut state, &event);
    }
    let mut removed = chain::block(4, 1, 1);
    let Body::Block(step) = &mut removed.body else { unreachable!() };
    (step.step, step.height) = (Step::Reverted, None);
    let (disposition, signals) = fold(&mut state, &removed);
    assert_eq!(disposition, Disposition::New);
    let [reorg] = reorgs(&signals)[..] else { panic!("{signals:?}") };
    assert_eq!((reorg.depth_at_least, reorg.from_height, reorg.new_hash), (2, 4, None));
    assert_eq!(reorg.reverted, [chain::block_hash(4, 1), chain::block_hash(5, 1)]);
    assert_eq!(state.tip_height(), Some(3));
    assert!(state.profile(state.key(&address(4))).is_none());
    assert!(state.profile(state.key(&address(3))).is_some());
    // Each of the block's logs says it again.
    assert_eq!(fold(&mut state, &removed), (Disposition::Duplicate, Vec::new()));
    // It comes back, and goes again.
    assert_eq!(fold(&mut state, &chain::block(4, 1, 1)).0, Disposition::New);
    assert_eq!(reorgs(&fold(&mut state, &removed).1).len(), 1);
}

#[test]
fn a_reorg_below_the_journal_is_said_to_be_too_deep() {
    let params = Params { journal_blocks_max: 3, ..params() };
    let mut state = State::new(Chain::parse(Chain::ETHEREUM).unwrap(), &params, 7);
    for height in 1..=9 {
        fold(&mut state, &chain::block(height, 1, 1));
    }
    let (_, signals) = fold(&mut state, &chain::block(7, 2, 1));
    assert!(!reorgs(&signals)[0].is_too_deep);
    let (_, signals) = fold(&mut state, &chain::block(2, 3, 1));
    let reorg = reorgs(&signals)[0];
    assert!(reorg.is_too_deep && reorg.depth_at_least == 6, "{reorg:?}");
    assert_eq!((state.n_too_deep(), state.tip_height()), (1, Some(2)));
}

#[test]
fn a_log_and_its_transfer_row_are_one_fact() {
    let mut state = state(Chain::ETHEREUM);
    let mut transfer = chain::token_transfer(1, 3, address(1), address(2), 1_000);
    assert_eq!(fold(&mut state, &transfer).0, Disposition::New, "no block is said");
    included(&mut transfer, 4, 1);
    assert_eq!(fold(&mut state, &transfer).0, Disposition::Duplicate);
    let other = chain::token_transfer(1, 4, address(1), address(2), 0);
    assert_eq!(fold(&mut state, &other).0, Disposition::New);
    let logs = state.tx_logs(&chain::tx_id(1)).unwrap();
    assert_eq!((logs.n_transfers, logs.n_zero, logs.n_by_token[0]), (2, 1, 2));
    let token = state.key(&address(200));
    assert_eq!(logs.tokens[0], Some(token));
    let stats = state.token_stats(state.key(&address(2)), token).unwrap();
    assert_eq!((stats.n_in(), stats.n_out()), (2, 0));
    assert_eq!(state.n_accounts(), 0, "tokens do not touch the native profile");
    assert_eq!(state.received(state.key(&address(2))).count(), 2);
}
