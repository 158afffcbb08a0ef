//! Traces of `trace_block` and its relatives: calls, creations, self-destructions, rewards.

use super::{
    Around,
    item::{RpcItem, RpcKey},
    push,
};
use crate::{
    decode::{
        Reason, Refusal,
        evm::call::{self, Call, PATH_MAX},
        json::{
            JsonScanner, Value,
            field::Reader,
            keys::{Field, Keys},
        },
    },
    model::{Amount, CallKind, Event, Inclusion, TracePath, TxId},
};

static ACTION: Keys<9> = Keys::new([
    "from",
    "to",
    "value",
    "callType",
    "address",
    "refundAddress",
    "balance",
    "author",
    "call_type",
]);
static RESULT: Keys<1> = Keys::new(["address"]);

/// The last call that failed: what it called was rolled back with it, but does not say so.
#[derive(Debug, Default)]
pub(super) struct Failed(Option<(Option<TxId>, TracePath)>);

impl Failed {
    fn contains(&self, tx: Option<TxId>, path: &TracePath) -> bool {
        self.0.as_ref().is_some_and(|(of, root)| *of == tx && path.0.starts_with(&root.0))
    }
}

/// Reads a trace; of one transaction they come from the root to the leaves.
pub(super) fn read(
    item: &RpcItem<'_>,
    around: Around,
    failed: &mut Failed,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let action = item.at(RpcKey::Action);
    let action = action.need(action.object(reader.limits(), &ACTION)?)?;
    let at = |i| action.at(i);
    let trace_type = item.at(RpcKey::Type);
    let call_type = at(3).text()?.or(at(8).text()?);
    let kind = call::kind(trace_type.need(trace_type.text()?)?, call_type);
    let (from, to, value) = match kind {
        CallKind::SelfDestruct => (at(4), at(5), at(6)),
        CallKind::Reward => (at(0), at(7), at(2)),
        CallKind::Create => {
            let result = item.at(RpcKey::Result).object(reader.limits(), &RESULT)?;
            let created = result.map_or_else(
                || Field { name: "result.address", value: Value::Null },
                |result| result.at(0),
            );
            (at(0), created, at(2))
        }
        _ => (at(0), at(1), at(2)),
    };
    let value = value.amount(reader)?;
    let tx = item.at(RpcKey::TransactionHash).hash()?;
    let path = path(item.at(RpcKey::TraceAddress), reader)?;
    let mut is_failed = !item.at(RpcKey::Error).is_nothing() && kind != CallKind::Reward;
    if is_failed && !failed.contains(tx, &path) {
        failed.0 = Some((tx, path.clone()));
    }
    is_failed |= failed.contains(tx, &path);
    let height = item.at(RpcKey::BlockNumber).height(reader)?;
    let block = item.at(RpcKey::BlockHash).hash()?;
    let index = item.at(RpcKey::TransactionPosition).count(reader)?;
    let call = Call {
        tx,
        path,
        kind,
        from: from.address()?,
        to: to.address()?,
        value: reader.or_partial(value).unwrap_or(Amount::ZERO),
        is_failed,
        inclusion: height.map(|height| Inclusion { height, block, index }),
    };
    push(item, call.body(), around, reader, events)
}

fn path(field: Field<'_>, reader: &mut Reader<'_>) -> Result<TracePath, Refusal> {
    let raw = match field.value {
        Value::Null => return Ok(TracePath::default()),
        Value::Array(raw) => raw,
        _ => return Err(field.refuse(Reason::BadField, "no array")),
    };
    let mut path = Vec::new();
    let mut keys = Vec::new();
    let mut scanner = JsonScanner::new(raw, reader.limits(), &mut keys);
    let mut n = 0;
    let mut is_more = scanner.open_array(0)?;
    while is_more {
        let child = Field { value: scanner.value(1)?, ..field };
        if path.len() == PATH_MAX {
            return Err(field.refuse(Reason::BadField, "deeper than any call stack"));
        }
        path.push(child.need(child.count(reader)?)?);
        is_more = scanner.next_element(&mut n)?;
    }
    Ok(TracePath(path))
}
