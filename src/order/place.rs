//! Where a record belongs in its chain, as far as its decoded events say; nothing else is read.

use crate::{
    decode::{self, Batch, Settings},
    model::{BlockHash, Body, Event, Record, Step, TransferSource, TxId},
};

/// A record's place in its chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// `None` where a block is taken back by its hash alone.
    pub height: Option<u64>,
    /// The greatest height in the record, when it holds several.
    pub top: u64,
    /// `None` where the source tells heights only.
    pub block: Option<BlockHash>,
    /// The block's parent, where the record is a header that tells it.
    pub parent: Option<BlockHash>,
    /// The record takes the block back.
    pub is_revert: bool,
    pub order: Order,
}

/// A record's place inside its block: the header, then each transaction with what belongs to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Order {
    pub section: Section,
    /// The transaction's position, where the record or another one of the block tells it.
    pub tx_index: Option<u32>,
    pub kind: PlaceKind,
    /// A log's index, or a call's path.
    pub within: Vec<u32>,
    /// A row that tells no position comes before the log that it repeats.
    pub is_positioned: bool,
    pub tx: Option<TxId>,
}

/// The parts of a block, in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Section {
    #[default]
    Header,
    Transactions,
    /// Rewards, withdrawals and other facts of no transaction.
    Rest,
}

/// What belongs to a transaction, in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum PlaceKind {
    #[default]
    Body,
    Outcome,
    Trace,
    Log,
    Other,
}

impl Place {
    /// Finds the place of a record; `None` when nothing in it has a height.
    ///
    /// Of several parts the lowest place counts: what is above can wait for it.
    pub fn of(settings: &Settings, record: &Record<'_>, batch: &mut Batch) -> Option<Self> {
        decode::decode(settings, record, batch);
        let places = batch.events.iter().filter_map(Self::of_event);
        places.reduce(|a, b| {
            let top = a.top.max(b.top);
            let first = if (b.height, &b.order) < (a.height, &a.order) { b } else { a };
            Self { top, ..first }
        })
    }

    fn of_event(event: &Event) -> Option<Self> {
        if let Body::Block(step) = &event.body {
            if step.step == Step::Final {
                return None;
            }
            let is_revert = step.step == Step::Reverted;
            let height = step.height;
            if height.is_none() && !is_revert {
                return None;
            }
            let (block, parent, top) = (Some(step.hash), step.parent, height.unwrap_or_default());
            return Some(Self { height, top, block, parent, is_revert, order: Order::default() });
        }
        let inclusion = event.inclusion()?;
        let (height, block) = (inclusion.height, inclusion.block);
        let (kind, within) = kind(&event.body);
        let tx = event.tx_id();
        let section = if tx.is_some() { Section::Transactions } else { Section::Rest };
        let (tx_index, is_positioned) = (inclusion.index, inclusion.index.is_some());
        let order = Order { section, tx_index, kind, within, is_positioned, tx };
        let (height, top) = (Some(height), height);
        Some(Self { height, top, block, parent: None, is_revert: false, order })
    }
}

fn kind(body: &Body) -> (PlaceKind, Vec<u32>) {
    match body {
        Body::Tx(_) => (PlaceKind::Body, Vec::new()),
        Body::Outcome(_) => (PlaceKind::Outcome, Vec::new()),
        Body::Trace(trace) => (PlaceKind::Trace, trace.path.0.clone()),
        Body::Approval(approval) => (PlaceKind::Log, vec![approval.log_index]),
        Body::Log(log) => (PlaceKind::Log, vec![log.log_index]),
        Body::Transfer(transfer) => match &transfer.source {
            TransferSource::Log(index) => (PlaceKind::Log, vec![*index]),
            TransferSource::Trace(path) => (PlaceKind::Trace, path.0.clone()),
            TransferSource::Withdrawal(_) | TransferSource::Reward => {
                (PlaceKind::Other, Vec::new())
            }
        },
        Body::Block(_) | Body::Observation(_) | Body::Asset(_) | Body::Notice(_) => {
            (PlaceKind::Other, Vec::new())
        }
    }
}
