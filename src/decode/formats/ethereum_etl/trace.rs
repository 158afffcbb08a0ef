//! ethereum-etl traces: internal movements, rewards, and calls that moved nothing.

use super::{EthereumEtlItem, EthereumEtlKey, inclusion};
use crate::{
    decode::{
        Reason, Refusal,
        evm::call::{self, Call, PATH_MAX},
        json::{JsonScanner, Value, field::Reader, keys::Field},
    },
    model::{Amount, Body, TracePath},
};

/// Reads a trace. A call has the identity of its transaction and path, a reward of its block and
/// receiver.
pub(super) fn read(item: &EthereumEtlItem<'_>, reader: &mut Reader<'_>) -> Result<Body, Refusal> {
    let trace_type = item.at(EthereumEtlKey::TraceType);
    let trace_type = trace_type.need(trace_type.text()?)?;
    let kind = call::kind(trace_type, item.at(EthereumEtlKey::CallType).text()?);
    let tx = item.at(EthereumEtlKey::TransactionHash).hash()?;
    let to = item.at(EthereumEtlKey::ToAddress);
    let to_address = to.address()?;
    if tx.is_none() && to_address.is_none() {
        return Err(to.missing());
    }
    let value = item.at(EthereumEtlKey::Value).amount(reader)?;
    let status = item.at(EthereumEtlKey::Status).count::<u64>(reader)?;
    let call = Call {
        tx,
        path: path(item.at(EthereumEtlKey::TraceAddress), reader)?,
        kind,
        from: item.at(EthereumEtlKey::FromAddress).address()?,
        to: to_address,
        value: reader.or_partial(value).unwrap_or(Amount::ZERO),
        // The exporter passes a failure on to the calls inside.
        is_failed: status == Some(0) || !item.at(EthereumEtlKey::Error).is_nothing(),
        inclusion: inclusion(item, reader)?,
    };
    Ok(call.body())
}

/// Reads a path: an array of numbers, or text with commas.
fn path(field: Field<'_>, reader: &mut Reader<'_>) -> Result<TracePath, Refusal> {
    let mut path = Vec::new();
    let mut push = |child: Option<u32>| match child {
        Some(child) if path.len() < PATH_MAX => {
            path.push(child);
            Ok(())
        }
        _ => Err(field.refuse(Reason::BadField, "no path of a call tree")),
    };
    match field.value {
        Value::Array(raw) => {
            let mut keys = Vec::new();
            let mut scanner = JsonScanner::new(raw, reader.limits(), &mut keys);
            let mut n = 0;
            let mut is_more = scanner.open_array(0)?;
            while is_more {
                push(Field { value: scanner.value(1)?, ..field }.count(reader)?)?;
                is_more = scanner.next_element(&mut n)?;
            }
        }
        _ => {
            for child in field.text()?.unwrap_or_default().split(|&b| b == b',') {
                if !child.is_empty() {
                    push(std::str::from_utf8(child).ok().and_then(|c| c.trim().parse().ok()))?;
                }
            }
        }
    }
    Ok(TracePath(path))
}
