//! Validator withdrawals, which exporters and nodes write alike.

use super::WEI_PER_GWEI;
use crate::{
    decode::{
        Reason, Refusal,
        field::Reader,
        keys::{Field, Fields, Keys},
    },
    model::{Address, Amount, Inclusion, TokenAmount, TokenStandard, Transfer, TransferSource},
};
use ruint::aliases::U256;

static FIELDS: Keys<3> = Keys::new(["index", "address", "amount"]);

/// Reads an array of withdrawals as native transfers.
pub(in crate::decode) fn each(
    field: Field<'_>,
    inclusion: Inclusion,
    reader: &mut Reader<'_>,
    mut on_transfer: impl FnMut(Transfer, &Reader<'_>),
) -> Result<(), Refusal> {
    field.objects(reader.limits(), &FIELDS, |fields| {
        let transfer = Transfer { inclusion: Some(inclusion), ..transfer(&fields, reader)? };
        on_transfer(transfer, reader);
        Ok(())
    })
}

/// Makes the transfer of one withdrawal, paid by nobody: ether comes from the consensus layer.
pub(in crate::decode) fn of(index: u64, to: Address, amount: Amount) -> Transfer {
    Transfer {
        tx: None,
        source: TransferSource::Withdrawal(index),
        token: None,
        standard: TokenStandard::Native,
        from: Address::EVM_ZERO,
        to,
        amount: TokenAmount::Amount(amount),
        inclusion: None,
    }
}

fn transfer(fields: &Fields<'_, 3>, reader: &mut Reader<'_>) -> Result<Transfer, Refusal> {
    let [index, to, gwei] = [0, 1, 2].map(|i| fields.at(i));
    let wei = gwei.need(gwei.amount(reader)?)?.0.checked_mul(U256::from(WEI_PER_GWEI));
    let out_of_range = || gwei.refuse(Reason::AmountOutOfRange, "2^256 wei or more");
    let amount = Amount(wei.ok_or_else(out_of_range)?);
    Ok(of(index.need(index.count(reader)?)?, to.need(to.address()?)?, amount))
}
