//! Payments in tokens: what teaches an account's profile, and a campaign that moves nothing else.

use crate::{engine::fold::settings, state::chain};
use txwarden::{
    engine::{Action, Params, Setup},
    feature::{self, Features, evm},
    model::{Address, Amount, Body, Chain, Event, Record, TokenAmount, TokenStandard, Transfer},
    pipeline::{Driver, Fits},
    sim::{Evm, Scenario},
    state::{self, State},
};

fn edited(event: &Event, edit: impl FnOnce(&mut Transfer)) -> Event {
    let mut event = event.clone();
    if let Body::Transfer(transfer) = &mut event.body {
        edit(transfer);
    }
    event
}

fn extract(event: &Event, state: &State) -> Option<Features> {
    feature::extract(event, &feature::parties(event, state), state)
}

fn fold(state: &mut State, event: &Event) {
    state.admit(event);
    state.apply(event);
}

#[test]
fn values_are_in_typical_amounts_and_only_payments_count() {
    let chain = Chain::parse(Chain::ETHEREUM).unwrap();
    let mut state = State::new(chain, &state::Params::default(), 1);
    let address = |n: u8| Address::Evm([n; 20]);
    let token = state.key(&chain::address(200));
    let receiver = state.key(&address(9));
    for n in 1..=40 {
        let payment = chain::token_transfer(n, 0, address(n as u8 + 20), address(9), 1_000);
        let features = extract(&payment, &state);
        assert_eq!(features.is_some(), n > 32, "what is typical is known after 32 payments");
        if let Some(features) = features {
            assert!(features.get(evm::LOG_VALUE).unwrap().abs() < 1e-2, "a typical amount is 1");
            let n_senders = features.get(evm::RECEIVER_SENDERS).unwrap();
            assert!((n_senders - libm::log1p(n as f64 - 1.0)).abs() < 1e-9);
            assert_eq!(features.get(evm::IS_NEW_EDGE), Some(1.0));
        }
        fold(&mut state, &payment);
    }
    let tenfold = state.token_value(token, Amount::from_u64(10_000)).unwrap();
    assert!((9.8..10.2).contains(&tenfold), "{tenfold}");

    let n_in = |state: &State| state.token_profile(receiver).unwrap().n_in();
    assert_eq!((n_in(&state), state.profile(receiver)), (40, None), "of the native asset nothing");
    let payment = chain::token_transfer(50, 0, address(61), address(9), 1_000);
    let no_payments = [
        edited(&payment, |t| t.amount = TokenAmount::Amount(Amount::default())),
        edited(&payment, |t| t.amount = TokenAmount::TokenId(Amount::from_u64(7))),
        edited(&payment, |t| t.standard = TokenStandard::Erc1155),
        edited(&payment, |t| t.from = Address::EVM_ZERO),
        edited(&payment, |t| t.from = t.to.clone()),
        edited(&payment, |t| t.token = None),
    ];
    for (n, event) in no_payments.iter().enumerate() {
        let event = edited(event, |t| t.tx = Some(chain::tx_id(60 + n as u64)));
        assert!(extract(&event, &state).is_none(), "{n}");
        fold(&mut state, &event);
        assert_eq!(n_in(&state), 40, "{n}");
    }
    fold(&mut state, &payment);
    assert_eq!(n_in(&state), 41);
}

#[test]
fn a_campaign_in_tokens_is_noticed_and_its_alert_names_the_asset() {
    let evm = Evm { n_blocks: 14_400, block_secs: 12, txs_per_block: 1.6, n_users: 3_000 };
    let (lines, truth) = Scenario::new(7).evm(evm).generate();
    let planted = truth.incidents.iter().find(|i| i.name == "token_phishing").unwrap();
    let setup = Setup {
        params: Params { seed: 7, ..Params::default() },
        reference: truth.reference.clone().into(),
        ..Setup::new(Chain::parse(Chain::ETHEREUM).unwrap())
    };
    let mut driver = Driver::new(setup, Fits::Background).unwrap();
    let (settings, mut actions, mut found) = (settings(), Vec::new(), Vec::new());
    for (offset, line) in lines.iter().enumerate() {
        let value = Some(line.json.as_bytes());
        let record =
            Record { topic: line.topic, offset: offset as i64, value, ..Record::default() };
        driver.feed(&settings, record, &mut actions);
        for action in actions.drain(..) {
            let Action::Alert(alert) = action else { continue };
            let is_subject = planted.subjects.iter().any(|s| alert.subject.ends_with(s.as_str()));
            if is_subject && alert.evidence[0].detector == "soft_and" {
                found.push(alert);
            }
        }
    }
    let first = found.first().expect("the campaign is noticed");
    let tx = first.tx.as_ref().expect("the alert names the transaction");
    assert!(tx.asset.starts_with("eip155:1/erc20:0x"), "{}", tx.asset);
    assert!(planted.tx_ids.iter().any(|id| tx.id.ends_with(id.as_str())), "{}", tx.id);
    assert!(first.reason.contains("among payments in tokens"), "{}", first.reason);
    let quiet_if = &first.evidence[0].quiet_if;
    assert!(!quiet_if.is_empty() && !quiet_if.contains("ETH"), "{quiet_if}");
}
