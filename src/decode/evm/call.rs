//! Steps of a call tree: which of them move native value, and where they stand.

use crate::model::{
    Address, Amount, Body, CallKind, Inclusion, TokenAmount, TokenStandard, Trace, TracePath,
    Transfer, TransferSource, TxId,
};

/// The call stack's depth on all EVM chains: a longer path is no path.
pub(in crate::decode) const PATH_MAX: usize = 1_024;

/// One step as a format tells it.
#[derive(Clone, Debug)]
pub(in crate::decode) struct Call {
    pub tx: Option<TxId>,
    pub path: TracePath,
    pub kind: CallKind,
    pub from: Option<Address>,
    pub to: Option<Address>,
    pub value: Amount,
    /// It, or a call that it is part of, was rolled back.
    pub is_failed: bool,
    pub inclusion: Option<Inclusion>,
}

/// Reads the name of a kind of call, of any client.
pub(in crate::decode) fn kind(trace_type: &[u8], call_type: Option<&[u8]>) -> CallKind {
    match (trace_type, call_type) {
        (b"call", Some(b"callcode")) => CallKind::CallCode,
        (b"call", Some(b"delegatecall")) => CallKind::DelegateCall,
        (b"call", Some(b"staticcall")) => CallKind::StaticCall,
        (b"call", _) => CallKind::Call,
        (b"create", _) => CallKind::Create,
        (b"suicide" | b"selfdestruct", _) => CallKind::SelfDestruct,
        (b"reward" | b"genesis", _) => CallKind::Reward,
        // The hard fork that emptied the DAO moved balances without any call.
        (b"daofork", _) => CallKind::Call,
        _ => CallKind::Other,
    }
}

impl Call {
    /// Returns the movement that the step is, or else the step itself.
    ///
    /// The root of a tree is the transaction, whose value has been told by its body.
    pub fn body(self) -> Body {
        let Self { tx, path, kind, from, to, value, is_failed, inclusion } = self;
        let is_moving = match kind {
            CallKind::Call | CallKind::Create | CallKind::SelfDestruct => {
                !path.0.is_empty() || tx.is_none()
            }
            CallKind::Reward => true,
            CallKind::CallCode
            | CallKind::DelegateCall
            | CallKind::StaticCall
            | CallKind::Other => false,
        };
        let (from, to) = match (kind, from, to) {
            (CallKind::Reward, _, to) => (Some(Address::EVM_ZERO), to),
            (_, from, to) => (from, to),
        };
        match (from, to) {
            (Some(from), Some(to)) if is_moving && !is_failed && !value.is_zero() => {
                let source = match kind {
                    CallKind::Reward => TransferSource::Reward,
                    _ => TransferSource::Trace(path),
                };
                let (token, standard) = (None, TokenStandard::Native);
                let amount = TokenAmount::Amount(value);
                let transfer =
                    Transfer { tx, source, token, standard, from, to, amount, inclusion };
                Body::Transfer(Box::new(transfer))
            }
            (from, to) => Body::Trace(Box::new(Trace {
                tx,
                path,
                call: kind,
                from: from.filter(|_| kind != CallKind::Reward),
                to,
                value,
                is_failed,
                inclusion,
            })),
        }
    }
}
