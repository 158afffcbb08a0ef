//! UTXO incidents of flow and of the machinery: peeling, double spends, fees, reorganisations.

use crate::sim::utxo::{DraftPayment, UtxoDraft, UtxoPlanner};

/// Pays a little and keeps the rest, 22 times in a row: the rule is sure from 20 hops on.
pub(super) fn peel_chain(plan: &mut UtxoPlanner<'_>) {
    let owner = plan.fresh();
    plan.subject(owner);
    let mut coin = plan.coin(owner, 120.0);
    for i in 0..22 {
        let (peel, change) = (plan.fresh(), plan.fresh());
        let peeled = coin.value_sat / 14;
        let rest = coin.value_sat - peeled - 2_000;
        let outputs = vec![DraftPayment::to(peel, peeled), DraftPayment::to(change, rest)];
        let draft = UtxoDraft::new(vec![coin], outputs, plan.rng);
        coin = draft.coin(1);
        plan.at(900 * i, draft);
    }
}

/// A payment to a wallet on the sanctions list.
pub(super) fn sanctioned(plan: &mut UtxoPlanner<'_>) {
    let (owner, change, listed) = (plan.fresh(), plan.fresh(), plan.wallets.sanctioned);
    plan.subject(owner);
    plan.subject(listed);
    let coin = plan.coin(owner, 1.0);
    let outputs = vec![DraftPayment::to(listed, 40_000_000), DraftPayment::to(change, 59_998_000)];
    let draft = UtxoDraft::new(vec![coin], outputs, plan.rng);
    plan.at(0, draft);
}

/// A payment to an exchange is announced; what is mined pays the same coin to somebody else.
pub(super) fn double_spend(plan: &mut UtxoPlanner<'_>) {
    let (owner, elsewhere) = (plan.fresh(), plan.fresh());
    let shop = plan.wallets.user(3);
    plan.subject(owner);
    let coin = plan.coin(owner, 5.0);
    let mut announced =
        UtxoDraft::new(vec![coin], vec![DraftPayment::to(shop, 499_990_000)], plan.rng);
    announced.is_pending = true;
    plan.at(0, announced);
    let mined =
        UtxoDraft::new(vec![coin], vec![DraftPayment::to(elsewhere, 499_900_000)], plan.rng);
    plan.at(1_200, mined);
}

/// Two bitcoin of fee on a payment of one.
pub(super) fn fee_fat_finger(plan: &mut UtxoPlanner<'_>) {
    let (owner, receiver) = (plan.fresh(), plan.fresh());
    plan.subject(owner);
    let coin = plan.coin(owner, 3.0);
    let draft = UtxoDraft::new(vec![coin], vec![DraftPayment::to(receiver, 100_000_000)], plan.rng);
    plan.at(0, draft);
}

/// The last two blocks are replaced by two others.
pub(super) fn reorg(plan: &mut UtxoPlanner<'_>) {
    plan.reorganise(3_600, 2);
}
