//! EVM incidents that are attacks on people: stolen keys, poisoned histories, phishing.

use crate::sim::evm::{Addr, Effect, EvmDraft, EvmPlanner};

/// Twelve accounts with known balances are emptied into one within an hour.
pub(super) fn key_sweep(plan: &mut EvmPlanner<'_>) {
    let sweeper = plan.fresh();
    plan.subject(sweeper);
    let exchange = plan.people.exchanges[1];
    for i in 0..12 {
        let victim = plan.fresh();
        let ether = plan.rng.between(0.8, 2.5);
        // Two receipts make the balance known to whoever watches.
        plan.prepare(i * 90, EvmDraft::pay(exchange, victim, ether));
        plan.prepare(1_800 + i * 90, EvmDraft::pay(exchange, victim, ether / 2.0));
        plan.at(7_200 + i * 120, EvmDraft::pay(victim, sweeper, 1.5 * ether - 0.002));
    }
}

/// Dust from an address that ends and begins like the victim's counterparty.
pub(super) fn poison_lookalike(plan: &mut EvmPlanner<'_>) {
    let (victim, counterparty) = (plan.people.user(40), plan.people.contact_of(40));
    let mut lookalike = plan.fresh();
    lookalike[..3].copy_from_slice(&counterparty[..3]);
    lookalike[17..].copy_from_slice(&counterparty[17..]);
    plan.subject(victim);
    plan.subject(lookalike);
    plan.prepare(0, EvmDraft::pay(victim, counterparty, 0.5));
    plan.at(900, EvmDraft::pay(lookalike, victim, 0.000_000_01));
}

/// One call that logs twelve stablecoin transfers of amount zero in other people's names.
pub(super) fn poison_zero(plan: &mut EvmPlanner<'_>) {
    let (poisoner, contract) = (plan.fresh(), plan.fresh());
    plan.subject(poisoner);
    plan.subject(contract);
    let mut draft = EvmDraft::call(poisoner, contract, [0x3e, 0x6a, 0x2b, 0x11], &[[0; 32]; 4]);
    let token = plan.people.tokens[0];
    for rank in 0..12 {
        let (from, to) = (plan.people.user(50 + rank), plan.fresh());
        plan.subject(from);
        draft.effects.push(Effect::Transfer { token, from, to, amount: 0 });
    }
    plan.at(0, draft);
}

/// Ninety victims of a giveaway scam, each paying once and little, over eight hours.
pub(super) fn phishing_campaign(plan: &mut EvmPlanner<'_>) {
    giveaway(plan, EvmDraft::pay);
}

/// The same in a stablecoin: the accounts that pay and are paid move no native asset.
pub(super) fn token_phishing(plan: &mut EvmPlanner<'_>) {
    let token = plan.people.tokens[0];
    giveaway(plan, |payer, scammer, share| {
        EvmDraft::token(payer, token, scammer, (share * 400.0 * 1e6) as u128)
    });
}

fn giveaway(plan: &mut EvmPlanner<'_>, pay: impl Fn(Addr, Addr, f64) -> EvmDraft) {
    let scammer = plan.fresh();
    plan.subject(scammer);
    let mut offset = 0;
    for i in 0..90 {
        // Two thirds come from accounts that were made for this: first ever payment.
        let payer = if i % 3 == 0 { plan.people.user(1_000 + 13 * i) } else { plan.fresh() };
        let share = [0.05, 0.1, 0.1, 0.2, 0.5][plan.rng.index(5)];
        plan.at(offset, pay(payer, scammer, share));
        offset += 120 + plan.rng.below(360) as i64;
    }
}
