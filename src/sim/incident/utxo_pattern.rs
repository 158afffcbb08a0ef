//! UTXO incidents that are the shape of one transaction: dusting and mixing.

use crate::sim::utxo::{DraftPayment, UnspentCoin, UtxoDraft, UtxoPlanner};

/// 546 satoshi each to eighty addresses that have been used before.
pub(super) fn dusting(plan: &mut UtxoPlanner<'_>) {
    let (owner, change) = (plan.fresh(), plan.fresh());
    plan.subject(owner);
    let coin = plan.coin(owner, 0.01);
    let mut outputs: Vec<DraftPayment> =
        (0..80).map(|rank| DraftPayment::to(plan.wallets.user(rank), 546)).collect();
    outputs.push(DraftPayment::to(change, 920_000));
    let draft = UtxoDraft::new(vec![coin], outputs, plan.rng);
    plan.at(0, draft);
}

/// A Wasabi 2 round: thirty inputs, standard denominations several times each, some change.
pub(super) fn wasabi(plan: &mut UtxoPlanner<'_>) {
    let values = [0.031, 0.064, 0.11, 0.02, 0.052];
    let inputs: Vec<UnspentCoin> = (0..30)
        .map(|i| {
            let owner = plan.fresh();
            plan.coin(owner, values[i % values.len()])
        })
        .collect();
    // Denominations of the protocol: powers of two, and one, two and five times powers of ten.
    let denominations = [5_000_000, 2_000_000, 1_048_576, 500_000, 200_000];
    let mut rest: u64 = inputs.iter().map(|c| c.value_sat).sum::<u64>() - 60_000;
    let mut outputs = Vec::new();
    for (i, denomination) in denominations.iter().enumerate() {
        for _ in 0..8 + i {
            if rest > *denomination {
                rest -= denomination;
                outputs.push(DraftPayment::to(plan.fresh(), *denomination));
            }
        }
    }
    // What is left goes back to a dozen owners in amounts of no pattern.
    for i in 0..12 {
        let share = rest / (13 - i) + 7_919 * i;
        rest = rest.saturating_sub(share);
        outputs.push(DraftPayment::to(plan.fresh(), share));
    }
    let draft = UtxoDraft::new(inputs, outputs, plan.rng);
    plan.at(0, draft);
}

/// A Whirlpool round in the pool of 0.05 BTC: two entrants pay the fee for five.
pub(super) fn whirlpool(plan: &mut UtxoPlanner<'_>) {
    let pool = 5_000_000;
    let mut inputs = Vec::new();
    for i in 0..5 {
        let owner = plan.fresh();
        let mut coin = plan.coin(owner, 0.05);
        coin.value_sat = if i < 2 { pool + 4_000 } else { pool };
        inputs.push(coin);
    }
    let outputs = (0..5).map(|_| DraftPayment::to(plan.fresh(), pool)).collect();
    let draft = UtxoDraft::new(inputs, outputs, plan.rng);
    plan.at(0, draft);
}
