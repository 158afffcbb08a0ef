//! EVM incidents that are a shape of money flow: splitting, collecting, forwarding, cycling.

use crate::sim::evm::{EvmDraft, EvmPlanner};

/// The Bybit thief's pattern: 49 equal parts to addresses that nobody has seen.
pub(super) fn fan_out(plan: &mut EvmPlanner<'_>) {
    let thief = plan.fresh();
    plan.subject(thief);
    for i in 0..49 {
        let to = plan.fresh();
        plan.at(i * 60, EvmDraft::pay(thief, to, 10.0));
    }
}

/// Thirty unrelated payers, then nine tenths are forwarded.
pub(super) fn fan_in(plan: &mut EvmPlanner<'_>) {
    let (collector, sink) = (plan.fresh(), plan.fresh());
    plan.subject(collector);
    let mut total = 0.0;
    for i in 0..30 {
        let ether = plan.rng.between(0.4, 0.9);
        total += ether;
        // Every seventh of the less active users: unrelated to each other.
        let payer = plan.people.user(600 + 7 * i as usize);
        plan.at(i * 480, EvmDraft::pay(payer, collector, ether));
    }
    plan.at(30 * 480 + 600, EvmDraft::pay(collector, sink, total * 0.93));
}

/// 20 ETH in, 19.6 ETH out ten minutes later.
pub(super) fn pass_through(plan: &mut EvmPlanner<'_>) {
    let (mule, sink) = (plan.fresh(), plan.fresh());
    plan.subject(mule);
    let payer = plan.people.user(900);
    plan.at(0, EvmDraft::pay(payer, mule, 20.0));
    plan.at(600, EvmDraft::pay(mule, sink, 19.6));
}

/// 40 ETH over three mules back to where they came from, a little less at every hop.
pub(super) fn round_trip(plan: &mut EvmPlanner<'_>) {
    let owner = plan.fresh();
    plan.subject(owner);
    let mules = [plan.fresh(), plan.fresh(), plan.fresh()];
    let path = [owner, mules[0], mules[1], mules[2], owner];
    for (i, hop) in path.windows(2).enumerate() {
        let ether = 40.0 - 0.4 * i as f64;
        plan.at(2_400 * i as i64, EvmDraft::pay(hop[0], hop[1], ether));
    }
}

/// Five payments of 9,300–9,900 USD within five hours.
pub(super) fn structuring(plan: &mut EvmPlanner<'_>) {
    let (payer, receiver) = (plan.fresh(), plan.fresh());
    plan.subject(payer);
    for i in 0..5 {
        let ether = plan.rng.between(3.1, 3.3);
        plan.at(3_300 * i, EvmDraft::pay(payer, receiver, ether));
    }
}

/// One payment far above everything else.
pub(super) fn large_native(plan: &mut EvmPlanner<'_>) {
    let (payer, receiver) = (plan.fresh(), plan.fresh());
    plan.subject(payer);
    plan.subject(receiver);
    plan.at(0, EvmDraft::pay(payer, receiver, 1_500.0));
}

/// A payment to an account on the sanctions list.
pub(super) fn sanctioned(plan: &mut EvmPlanner<'_>) {
    let (payer, listed) = (plan.people.user(700), plan.people.sanctioned);
    plan.subject(payer);
    plan.subject(listed);
    plan.at(0, EvmDraft::pay(payer, listed, 2.0));
}
