//! What is remembered of each recent transaction to judge one that competes with it, and its bytes.

use crate::{
    model::{Address, Amount, EventTime, Hash32, TxId},
    state::tables::{
        byte_shuffle::{ROWS, Turner},
        fixed_layout::{Plain, plain},
        image::{ByteRun, ShuffledBlock},
        pages::Queue,
    },
};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, SeqAccess, Visitor},
    ser::SerializeSeq,
};
use std::fmt;

/// Outputs kept of one transaction; beyond them only the sum is compared.
pub(in crate::state) const OUTPUTS_KEPT_MAX: usize = 16;

/// What is needed of a transaction to judge one that competes with it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::state) struct SeenTx {
    pub id: TxId,
    pub time: EventTime,
    /// It was in a block at some time.
    pub is_confirmed: bool,
    /// It could be replaced while it was pending.
    pub is_replaceable: bool,
    pub to: Option<Address>,
    pub total: Amount,
    /// EVM: digest of recipient, value and calldata. UTXO: of all scripts.
    pub payload: u64,
    /// The first outputs; empty for EVM, where `to` gets `total`.
    pub outputs: Box<[SeenOutput]>,
    pub n_outputs: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::state) struct SeenOutput {
    pub script: u64,
    pub value: u64,
    /// It goes back to one of the inputs, or pays nobody.
    pub is_change: bool,
}

plain!(SeenOutput { script: u64, value: u64, is_change: bool });

/// The part of a transaction that has a fixed length.
#[derive(Clone, Copy, Default)]
struct Fixed {
    id: [u8; 32],
    time: i64,
    is_confirmed: bool,
    is_replaceable: bool,
    total: [u64; 4],
    payload: u64,
    n_outputs: u32,
    to_kind: u8,
    to_evm: [u8; 20],
    /// Bytes of a recipient that is text.
    n_text: u32,
    /// Outputs that are kept.
    n_kept: u16,
}

plain!(Fixed {
    id: [u8; 32],
    time: i64,
    is_confirmed: bool,
    is_replaceable: bool,
    total: [u64; 4],
    payload: u64,
    n_outputs: u32,
    to_kind: u8,
    to_evm: [u8; 20],
    n_text: u32,
    n_kept: u16,
});

const TO_NOBODY: u8 = 0;
const TO_EVM: u8 = 1;
const TO_TEXT: u8 = 2;

/// The recent transactions, the oldest first, numbered from the first ever.
#[derive(Debug)]
pub(in crate::state) struct SeenTxs {
    queue: Queue<SeenTx>,
    n_gone: u64,
}

impl SeenTxs {
    /// Makes an empty memory.
    pub fn new() -> Self {
        Self { queue: Queue::new(), n_gone: 0 }
    }

    /// Returns how many transactions are remembered.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Returns the number that the next transaction will have.
    pub fn next_number(&self) -> u64 {
        self.n_gone + self.queue.len() as u64
    }

    /// Returns a transaction by its number, if it is still remembered.
    pub fn get(&self, number: u64) -> Option<&SeenTx> {
        self.queue.get(usize::try_from(number.checked_sub(self.n_gone)?).ok()?)
    }

    /// Notes that a remembered transaction has been in a block.
    pub fn confirm(&mut self, number: u64) {
        let at = number.checked_sub(self.n_gone).and_then(|at| usize::try_from(at).ok());
        if let Some(tx) = at.and_then(|at| self.queue.edit(at)) {
            tx.is_confirmed = true;
        }
    }

    /// Remembers a transaction.
    pub fn push(&mut self, tx: SeenTx) {
        self.queue.push(tx);
    }

    /// Returns the oldest transaction.
    pub fn oldest(&self) -> Option<&SeenTx> {
        self.queue.get(0)
    }

    /// Forgets the oldest transaction.
    pub fn forget_oldest(&mut self) {
        self.n_gone += self.queue.len().min(1) as u64;
        self.queue.forget(1);
    }

    /// Returns the same transactions, sharing memory with these.
    pub fn share(&mut self) -> Self {
        Self { queue: self.queue.share(), n_gone: self.n_gone }
    }
}

impl SeenTx {
    fn fixed(&self) -> Fixed {
        let (to_kind, to_evm, n_text) = match &self.to {
            None => (TO_NOBODY, [0; 20], 0),
            Some(Address::Evm(bytes)) => (TO_EVM, *bytes, 0),
            Some(Address::Text(text)) => (TO_TEXT, [0; 20], text.len() as u32),
        };
        Fixed {
            id: self.id.0,
            time: self.time.micros(),
            is_confirmed: self.is_confirmed,
            is_replaceable: self.is_replaceable,
            total: *self.total.0.as_limbs(),
            payload: self.payload,
            n_outputs: self.n_outputs,
            to_kind,
            to_evm,
            n_text,
            n_kept: self.outputs.len() as u16,
        }
    }

    /// Puts a transaction together, taking its text and its outputs off what is left of those.
    fn of(fixed: Fixed, texts: &mut &[u8], outputs: &mut &[SeenOutput]) -> Option<Self> {
        let (text, rest) = texts.split_at_checked(fixed.n_text as usize)?;
        let (own, others) = outputs.split_at_checked(usize::from(fixed.n_kept))?;
        (*texts, *outputs) = (rest, others);
        let to = match fixed.to_kind {
            TO_EVM => Some(Address::Evm(fixed.to_evm)),
            TO_TEXT => Some(Address::Text(std::str::from_utf8(text).ok()?.into())),
            _ => None,
        };
        let total = Amount(ruint::aliases::U256::from_limbs(fixed.total));
        Some(Self {
            id: Hash32(fixed.id),
            time: EventTime::from_micros(fixed.time),
            is_confirmed: fixed.is_confirmed,
            is_replaceable: fixed.is_replaceable,
            to,
            total,
            payload: fixed.payload,
            outputs: own.into(),
            n_outputs: fixed.n_outputs,
        })
    }
}

/// A head, then three runs for each block of up to [`ROWS`] transactions: the planes of
/// their fixed parts, their texts, the planes of their outputs.
impl Serialize for SeenTxs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let n_blocks = self.len().div_ceil(ROWS);
        let mut seq = serializer.serialize_seq(Some(1 + 3 * n_blocks))?;
        let mut head = [0; 16];
        [self.len() as u64, self.n_gone].write(&mut head);
        seq.serialize_element(&ByteRun(&head))?;
        let mut block = ShuffledBlock::default();
        for n_block in 0..n_blocks {
            let start = n_block * ROWS;
            let txs = || self.queue.from(start).take(ROWS);
            let fixed = txs().map(SeenTx::fixed);
            let fixed = block.write(Fixed::N_BYTES, fixed, |fixed, out| fixed.write(out));
            seq.serialize_element(&ByteRun(fixed))?;
            let texts = txs().filter_map(|tx| match &tx.to {
                Some(Address::Text(text)) => Some(text.as_bytes()),
                _ => None,
            });
            let texts: Vec<u8> = texts.flatten().copied().collect();
            seq.serialize_element(&ByteRun(&texts))?;
            let outputs = txs().flat_map(|tx| tx.outputs.iter());
            let outputs = block.write(SeenOutput::N_BYTES, outputs, |o, out| o.write(out));
            seq.serialize_element(&ByteRun(outputs))?;
        }
        seq.end()
    }
}

struct TxBlocks;

impl<'de> Visitor<'de> for TxBlocks {
    type Value = SeenTxs;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("blocks of transactions")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<SeenTxs, A::Error> {
        let mut next = || seq.next_element::<&[u8]>()?.ok_or_else(damaged);
        let head: &[u8; 16] = next()?.try_into().map_err(|_| damaged::<A::Error>())?;
        let [mut n_left, n_gone] = <[u64; 2]>::read(head);
        let mut txs = SeenTxs { queue: Queue::new(), n_gone };
        let mut turner = Turner::default();
        while n_left > 0 {
            let n = n_left.min(ROWS as u64) as usize;
            let (fixed, texts, outputs) = (next()?, next()?, next()?);
            read_block(&mut txs.queue, &mut turner, n, [fixed, texts, outputs])
                .ok_or_else(damaged)?;
            n_left -= n as u64;
        }
        Ok(txs)
    }
}

fn damaged<E: Error>() -> E {
    E::custom("remembered transactions are damaged")
}

fn read_block(
    queue: &mut Queue<SeenTx>,
    turner: &mut Turner,
    n: usize,
    [fixed, mut texts, outputs]: [&[u8]; 3],
) -> Option<()> {
    let fixed = turner.read(fixed, Fixed::N_BYTES, n)?;
    let fixed: Vec<Fixed> = fixed.chunks_exact(Fixed::N_BYTES).map(Fixed::read).collect();
    let is_bounded = |fixed: &Fixed| usize::from(fixed.n_kept) <= OUTPUTS_KEPT_MAX;
    let n_outputs = fixed.iter().map(|fixed| usize::from(fixed.n_kept)).sum();
    if !fixed.iter().all(is_bounded) {
        return None;
    }
    let outputs = turner.read(outputs, SeenOutput::N_BYTES, n_outputs)?;
    let outputs: Vec<SeenOutput> =
        outputs.chunks_exact(SeenOutput::N_BYTES).map(SeenOutput::read).collect();
    let mut outputs = &outputs[..];
    for fixed in fixed {
        queue.push(SeenTx::of(fixed, &mut texts, &mut outputs)?);
    }
    (texts.is_empty() && outputs.is_empty()).then_some(())
}

impl<'de> Deserialize<'de> for SeenTxs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(TxBlocks)
    }
}
