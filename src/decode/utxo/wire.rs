//! The wire encoding of Bitcoin transactions, read without trusting any count in it.
//!
//! # Source
//! Bitcoin Core's serialization; BIP 144 for witnesses.

use crate::{
    decode::{Limits, Reason, Refusal, json::field::refuse},
    model::{Hash32, OutPoint, TxRecipe},
};
use sha2::{Digest, Sha256};

/// Bytes of the smallest input: outpoint, empty script, sequence.
const INPUT_BYTES_MIN: usize = 32 + 4 + 1 + 4;
/// Bytes of the smallest output: value, empty script.
const OUTPUT_BYTES_MIN: usize = 8 + 1;
/// No node lets an output hold more (Dogecoin: ten billion coins). What reads as more is something
/// else, cut off.
const VALUE_PLAUSIBLE_MAX: u64 = 10_000_000_000 * 100_000_000;
/// Behind the marker: the transaction has witnesses (BIP 144).
const WITNESS: u8 = 1;
/// Behind the marker: it takes part in an extension block (Litecoin, LIP 2).
const EXTENSION: u8 = 8;
const BOTH: u8 = WITNESS | EXTENSION;
/// Weight of a byte that is no witness (BIP 141).
const BASE_WEIGHT: usize = 4;

/// A transaction whose scripts are still where they were.
#[derive(Debug)]
pub struct RawTx<'a> {
    pub version: i32,
    pub inputs: Vec<RawInput>,
    pub outputs: Vec<RawOutput<'a>>,
    pub lock_time: u32,
    pub id: Hash32,
    /// The hash with witnesses; equal to the id without.
    pub witness_id: Hash32,
    pub n_bytes: usize,
    pub n_virtual_bytes: usize,
    /// The first input's script: in a coinbase it begins with the height (BIP 34).
    pub first_script: &'a [u8],
    /// The first input's only witness item, if there is exactly one.
    pub first_witness: Option<&'a [u8]>,
    /// It sums up an extension block (Litecoin), which then follows the block's transactions.
    pub has_extension: bool,
}

/// An input without its script.
#[derive(Debug)]
pub struct RawInput {
    pub outpoint: OutPoint,
    pub sequence: u32,
}

/// An output.
#[derive(Debug)]
pub struct RawOutput<'a> {
    pub value: u64,
    pub script: &'a [u8],
}

impl RawTx<'_> {
    /// Returns whether it creates coins: its only input spends nothing.
    pub fn is_coinbase(&self) -> bool {
        matches!(self.inputs.as_slice(), [input] if input.outpoint.tx.0 == [0; 32]
            && input.outpoint.index == u32::MAX)
    }
}

/// Hashes parts twice with SHA-256.
pub fn sha256d(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    Sha256::digest(hasher.finalize()).into()
}

/// Hashes parts to an id in the order in which ids are shown.
pub fn display_hash(parts: &[&[u8]]) -> Hash32 {
    let mut hash = sha256d(parts);
    hash.reverse();
    Hash32(hash)
}

/// Reads a transaction that is all there is.
///
/// # Errors
/// `bad_binary`, or `ambiguous_encoding` when it reads as one without inputs: those begin like a
/// transaction with witnesses, and a node may mean either.
pub fn lone_tx<'a>(
    bytes: &'a [u8],
    recipe: TxRecipe,
    limits: &Limits,
) -> Result<RawTx<'a>, Refusal> {
    let mut cursor = Cursor::of(bytes, recipe);
    let refusal = match cursor.tx(limits).and_then(|tx| cursor.end().map(|()| tx)) {
        Ok(tx) => return Ok(tx),
        Err(refusal) => refusal,
    };
    let mut cursor = Cursor::new(bytes);
    match cursor.layout(0, limits).and_then(|tx| cursor.end().map(|()| tx)) {
        Ok(tx) if tx.outputs.iter().all(|o| o.value <= VALUE_PLAUSIBLE_MAX) => {
            Err(refuse(Reason::AmbiguousEncoding, "it only reads as one without inputs"))
        }
        _ => Err(refusal),
    }
}

/// Returns whether bytes that are no transaction may be one with parts that are not read here.
pub fn has_unread_parts(bytes: &[u8], recipe: TxRecipe) -> bool {
    match recipe {
        TxRecipe::Bitcoin | TxRecipe::Special => false,
        TxRecipe::Mweb => flags(bytes) & EXTENSION != 0,
        TxRecipe::Other => true,
    }
}

/// Returns the flags behind the marker that stands where a transaction has its inputs' count.
fn flags(bytes: &[u8]) -> u8 {
    match bytes.get(4..6) {
        Some([0, flags]) => *flags,
        _ => 0,
    }
}

/// Reads bytes from front to back.
#[derive(Clone, Copy)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    recipe: TxRecipe,
}

impl<'a> Cursor<'a> {
    /// Starts at the front of transactions like Bitcoin's.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self::of(bytes, TxRecipe::Bitcoin)
    }

    /// Starts at the front of transactions that are encoded in this way.
    pub fn of(bytes: &'a [u8], recipe: TxRecipe) -> Self {
        Self { bytes, at: 0, recipe }
    }

    /// Returns how many bytes are left.
    pub fn n_left(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// Takes `n` bytes.
    pub fn take(&mut self, n: usize) -> Result<&'a [u8], Refusal> {
        let taken = self.bytes[self.at..].get(..n).ok_or_else(|| self.bad("ends early"))?;
        self.at += n;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Refusal> {
        let taken = self.bytes[self.at..].first_chunk().ok_or_else(|| self.bad("ends early"))?;
        self.at += N;
        Ok(*taken)
    }

    fn u32(&mut self) -> Result<u32, Refusal> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// Takes a hash and turns it into the order in which it is shown.
    fn hash(&mut self) -> Result<Hash32, Refusal> {
        let mut hash = self.array()?;
        hash.reverse();
        Ok(Hash32(hash))
    }

    /// Takes a compact size, which must be as short as it can be.
    pub fn count(&mut self) -> Result<u64, Refusal> {
        let [first] = self.array()?;
        let (n, min) = match first {
            0xfd => (u64::from(u16::from_le_bytes(self.array()?)), 0xfd),
            0xfe => (u64::from(self.u32()?), 0x1_0000),
            0xff => (u64::from_le_bytes(self.array()?), 0x1_0000_0000),
            small => (u64::from(small), 0),
        };
        if n < min { Err(self.bad("has a count that is not minimal")) } else { Ok(n) }
    }

    /// Takes the count of things that take at least `n_bytes_min` each: never more than can follow.
    fn items(&mut self, n_bytes_min: usize, limits: &Limits) -> Result<usize, Refusal> {
        let n = self.count()?;
        let fits = usize::try_from(n).ok().filter(|n| *n <= self.n_left() / n_bytes_min);
        let n = fits.ok_or_else(|| self.bad("has a count of more than can follow"))?;
        if n > limits.items_max {
            return Err(refuse(Reason::LimitExceeded, "too many inputs, outputs or witnesses"));
        }
        Ok(n)
    }

    /// Takes a run of bytes behind its length.
    fn run(&mut self) -> Result<&'a [u8], Refusal> {
        let n = self.count()?;
        let n = usize::try_from(n).unwrap_or(usize::MAX);
        self.take(n)
    }

    /// Checks that nothing is left over.
    pub fn end(&self) -> Result<(), Refusal> {
        if self.n_left() == 0 { Ok(()) } else { Err(self.bad("goes on behind its end")) }
    }

    #[cold]
    fn bad(&self, what: &str) -> Refusal {
        refuse(Reason::BadBinary, &format!("the encoding {what} (byte {})", self.at))
    }

    /// Takes a transaction, which has inputs: without any it would begin like one with witnesses.
    pub fn tx(&mut self, limits: &Limits) -> Result<RawTx<'a>, Refusal> {
        let flags = match (flags(&self.bytes[self.at..]), self.recipe) {
            (flags @ (EXTENSION | BOTH), TxRecipe::Mweb) => flags,
            (WITNESS, _) => WITNESS,
            _ => 0,
        };
        let tx = self.layout(flags, limits)?;
        if tx.inputs.is_empty() { Err(self.bad("has no inputs")) } else { Ok(tx) }
    }

    fn layout(&mut self, flags: u8, limits: &Limits) -> Result<RawTx<'a>, Refusal> {
        let has_witness = flags & WITNESS != 0;
        let start = self.at;
        let version = self.array()?;
        if flags != 0 {
            self.take(2)?;
        }
        let base = self.at;
        let mut inputs = Vec::with_capacity(self.items(INPUT_BYTES_MIN, limits)?);
        let mut first_script: &[u8] = &[];
        for i in 0..inputs.capacity() {
            let outpoint = OutPoint { tx: self.hash()?, index: self.u32()? };
            let script = self.run()?;
            if i == 0 {
                first_script = script;
            }
            inputs.push(RawInput { outpoint, sequence: self.u32()? });
        }
        let n_outputs = self.items(OUTPUT_BYTES_MIN, limits)?;
        let mut outputs = Vec::with_capacity(n_outputs);
        for _ in 0..n_outputs {
            let value = u64::from_le_bytes(self.array()?);
            outputs.push(RawOutput { value, script: self.run()? });
        }
        let base = &self.bytes[base..self.at];
        let first_witness = if has_witness { self.witnesses(inputs.len())? } else { None };
        let has_extension = flags & EXTENSION != 0;
        if has_extension && self.take(1)? != [0] {
            // Only the transaction that sums the extension block up has nothing of its own in it.
            return Err(self.bad("has a part in the extension block, which is not read"));
        }
        let lock_time = self.array()?;
        let payload = self.special_payload(version)?;
        let whole = &self.bytes[start..self.at];
        let id = display_hash(&[&version, base, &lock_time, payload]);
        let witness_id = if has_witness { display_hash(&[whole]) } else { id };
        let n_base_bytes = 4 + base.len() + 4;
        let weight = n_base_bytes * (BASE_WEIGHT - 1) + whole.len();
        Ok(RawTx {
            version: i32::from_le_bytes(version),
            inputs,
            outputs,
            lock_time: u32::from_le_bytes(lock_time),
            id,
            witness_id,
            n_bytes: whole.len(),
            n_virtual_bytes: weight.div_ceil(BASE_WEIGHT),
            first_script,
            first_witness,
            has_extension,
        })
    }

    /// Takes what stands behind a transaction of a special type (Dash, DIP 2), with its length.
    fn special_payload(&mut self, version: [u8; 4]) -> Result<&'a [u8], Refusal> {
        let start = self.at;
        if self.recipe == TxRecipe::Special && version[2..] != [0, 0] && version[..2] != [1, 0] {
            self.run()?;
        }
        Ok(&self.bytes[start..self.at])
    }

    /// Skips one witness stack an input; returns the only item of the first, if it has one only.
    fn witnesses(&mut self, n: usize) -> Result<Option<&'a [u8]>, Refusal> {
        let (mut first, mut is_any) = (None, false);
        for i in 0..n {
            let n_items = self.count()?;
            is_any |= n_items > 0;
            for _ in 0..n_items {
                let item = self.run()?;
                if i == 0 && n_items == 1 {
                    first = Some(item);
                }
            }
        }
        if is_any { Ok(first) } else { Err(self.bad("says that it has witnesses and has none")) }
    }
}
