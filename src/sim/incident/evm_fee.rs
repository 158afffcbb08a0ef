//! EVM incidents of the machinery: failures, bursts, fees, nonces and reorganisations.

use crate::sim::evm::{EvmDraft, EvmPlanner};

/// Eighty reverted calls to one contract within a minute.
pub(super) fn failed_tx_storm(plan: &mut EvmPlanner<'_>) {
    let contract = plan.people.contracts[3];
    plan.subject(contract);
    for i in 0..80 {
        let caller = plan.people.user(200 + i as usize);
        let mut draft = EvmDraft::call(caller, contract, [0xa0, 0x71, 0x2d, 0x68], &[[1; 32]]);
        draft.is_failed = true;
        plan.at(i * 3 / 4, draft);
    }
}

/// An account that acts every now and then acts sixty times in ten minutes.
pub(super) fn frequency_spike(plan: &mut EvmPlanner<'_>) {
    let (bot, receiver) = (plan.people.user(1_500), plan.people.contact_of(1_500));
    plan.subject(bot);
    for i in 0..60 {
        let ether = 0.01 + 0.001 * i as f64;
        plan.at(i * 10, EvmDraft::pay(bot, receiver, ether));
    }
}

/// A priority fee of 20,000 gwei, where one gwei is usual.
pub(super) fn gas_price_anomaly(plan: &mut EvmPlanner<'_>) {
    let payer = plan.people.user(450);
    plan.subject(payer);
    let mut draft = EvmDraft::pay(payer, plan.people.contact_of(450), 0.4);
    draft.tip_gwei = Some(20_000.0);
    plan.at(0, draft);
}

/// A pending payment to an exchange is replaced by one to somebody else with the same nonce.
pub(super) fn nonce_replaced(plan: &mut EvmPlanner<'_>) {
    let (payer, elsewhere) = (plan.fresh(), plan.fresh());
    plan.has_sent(payer, 7);
    plan.subject(payer);
    let mut pending = EvmDraft::pay(payer, plan.people.exchanges[0], 12.0);
    pending.is_pending = true;
    plan.at(0, pending);
    let mut redirect = EvmDraft::pay(payer, elsewhere, 12.0);
    redirect.tip_gwei = Some(4.0);
    plan.at(36, redirect);
}

/// The last two blocks are replaced by two others.
pub(super) fn reorg(plan: &mut EvmPlanner<'_>) {
    plan.reorganise(60, 2);
}
