//! Bounds: what leaves when tables are full; a flood of newcomers displaces only newcomers.

use super::{
    chain::{address, at, evm, included},
    fold,
};
use txwarden::{
    model::{Address, Chain},
    state::{DEGREE_MAX, Params, State},
};

fn stranger(n: u64) -> Address {
    let mut bytes = [0xee; 20];
    bytes[..8].copy_from_slice(&n.to_be_bytes());
    Address::Evm(bytes)
}

#[test]
fn a_flood_of_fresh_addresses_does_not_push_out_the_others() {
    let params = Params { accounts_max: 1_000, edges_max: 8_192, ..Params::default() };
    let mut state = State::new(Chain::parse(Chain::ETHEREUM).unwrap(), &params, 1);
    let mut n = 0;
    let mut pay = |state: &mut State, from: Address, to: Address| {
        n += 1;
        let mut event = evm(n, from, to, 1_000);
        event.time = at(n as i64);
        included(&mut event, n / 100 + 1, 1);
        fold(state, &event);
    };
    for round in 0..4u8 {
        for account in 0..200u8 {
            pay(&mut state, address(account), address((account + round + 1) % 200));
        }
    }
    let is_known = |state: &State, n: u8| state.profile(state.key(&address(n))).is_some();
    assert!((0..200).all(|n| is_known(&state, n)));
    for fresh in 0..20_000 {
        pay(&mut state, address(7), stranger(fresh));
    }
    assert_eq!(state.n_accounts(), 1_000);
    assert!(state.n_evicted_accounts() > 19_000, "{}", state.n_evicted_accounts());
    let n_left = (0..200).filter(|n| is_known(&state, *n)).count();
    assert!(n_left == 200, "{n_left} of 200 real accounts survive");
    assert!(state.profile(state.key(&stranger(19_999))).is_some(), "the newest is known");
    assert!(state.profile(state.key(&stranger(10_000))).is_none());
    assert_eq!(state.sent(state.key(&address(7))).count(), DEGREE_MAX);
}

#[test]
fn the_graph_forgets_the_oldest_transfers() {
    let params = Params { transfers_max: 10, edges_max: 64, ..Params::default() };
    let mut state = State::new(Chain::parse(Chain::ETHEREUM).unwrap(), &params, 1);
    for n in 0..25u64 {
        let mut event = evm(n, address(n as u8 % 5), address(9), 1_000);
        event.time = at(1 + n as i64);
        included(&mut event, n + 1, 1);
        fold(&mut state, &event);
    }
    let received: Vec<_> = state.received(state.key(&address(9))).collect();
    assert_eq!(received.len(), 10);
    assert_eq!((received[0].time, received[9].time), (at(25), at(16)));
    assert_eq!(state.sent(state.key(&address(0))).count(), 2);
}

#[test]
fn the_journal_is_held_to_its_bytes() {
    let params = Params { journal_bytes_max: 64 << 10, edges_max: 64, ..Params::default() };
    let mut state = State::new(Chain::parse(Chain::ETHEREUM).unwrap(), &params, 1);
    for n in 0..3_000u64 {
        let mut event = evm(n, address(n as u8), address(9), 1_000);
        event.time = at(1 + n as i64);
        included(&mut event, n / 10 + 1, 1);
        fold(&mut state, &event);
    }
    let n_bytes = state.usage().n_bytes_journal;
    assert!(n_bytes > 0 && n_bytes <= (64 << 10) + 10 * 1_024, "{n_bytes}");
}
