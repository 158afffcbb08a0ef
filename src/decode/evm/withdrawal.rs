//! Validator withdrawals, which exporters and nodes write alike.

use super::WEI_PER_GWEI;
use crate::{
    decode::{
        Reason, Refusal,
        json::{
            field::Reader,
            keys::{Field, Fields, Keys},
        },
    },
    model::{
        Address, Amount, Event, Inclusion, Quality, TokenAmount, TokenStandard, Transfer,
        TransferSource,
    },
};
use ruint::aliases::U256;

static FIELDS: Keys<3> = Keys::new(["index", "address", "amount"]);

/// Reads an array of withdrawals as native transfers, each refused alone, as is what is no array;
/// `event` makes the event of one. Returns whether none was refused.
pub(in crate::decode) fn each(
    field: Field<'_>,
    inclusion: Inclusion,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
    event: impl Fn(Transfer, Quality) -> Event,
) -> bool {
    let (limits, n_refused) = (reader.limits(), reader.refused.len());
    let mut n = 0;
    let walked = field.elements(limits, |value| {
        reader.alone((field.name, n), events, |reader, events| {
            let entry = Field { name: "entry", value };
            let fields = entry.need(entry.object(limits, &FIELDS)?)?;
            let transfer = Transfer { inclusion: Some(inclusion), ..transfer(&fields, reader)? };
            events.push(event(transfer, reader.quality));
            Ok(())
        });
        n += 1;
        Ok(())
    });
    reader.refused.extend(walked.err());
    reader.refused.len() == n_refused
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
