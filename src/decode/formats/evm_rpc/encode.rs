//! Fields of JSON as they were hashed: transactions, headers, receipts and withdrawals in RLP.

use super::item::{RpcItem, RpcKey};
use crate::decode::{
    Limits,
    evm::{
        TX_TYPE_DEPOSIT, TX_TYPE_KNOWN_MAX, keccak, rlp::RlpWriter, signed::Signature,
        trie::Committed,
    },
    json::{
        JsonScanner, Value,
        keys::{Field, Fields, Keys},
        number,
    },
    value::hex,
};

static ACCESS: Keys<2> = Keys::new(["address", "storageKeys"]);
static AUTHORIZATION: Keys<7> =
    Keys::new(["chainId", "address", "nonce", "yParity", "v", "r", "s"]);
static LOG: Keys<3> = Keys::new(["address", "topics", "data"]);
static WITHDRAWAL: Keys<4> = Keys::new(["index", "validatorIndex", "address", "amount"]);

/// Bytes of a bloom filter.
const BLOOM: usize = 256;
/// The header's fields from its number on to its time, all integers.
const HEADER_NUMBERS: [RpcKey; 5] =
    [RpcKey::Difficulty, RpcKey::Number, RpcKey::GasLimit, RpcKey::GasUsed, RpcKey::Timestamp];
/// What forks have appended, in order; the flag says whether it is an integer.
const HEADER_TAIL: [(RpcKey, bool); 6] = [
    (RpcKey::BaseFee, true),
    (RpcKey::WithdrawalsRoot, false),
    (RpcKey::BlobGasUsed, true),
    (RpcKey::ExcessBlobGas, true),
    (RpcKey::BeaconRoot, false),
    (RpcKey::RequestsHash, false),
];

/// Returns what a transaction's signature covers, and the signature.
pub(super) fn transaction(
    item: &RpcItem<'_>,
    tx_type: u8,
    limits: &Limits,
) -> Option<(Vec<u8>, Signature)> {
    let mut encoder = Encoder { item, limits, writer: RlpWriter::default() };
    let signature = encoder.transaction(tx_type)?;
    Some((encoder.writer.out, signature))
}

/// Returns the type that the fields of a transaction show which does not say its own: the oldest
/// that has them.
pub(super) fn type_shown(item: &RpcItem<'_>) -> u8 {
    let has = |key: RpcKey| !item.at(key).is_nothing();
    if has(RpcKey::Authorizations) {
        4
    } else if has(RpcKey::BlobHashes) || has(RpcKey::MaxBlobFee) {
        3
    } else if has(RpcKey::MaxFee) || has(RpcKey::MaxPriorityFee) {
        2
    } else {
        u8::from(has(RpcKey::AccessList))
    }
}

/// Returns a deposit, which nobody signs, as it stands in a block.
pub(super) fn deposit(item: &RpcItem<'_>, limits: &Limits) -> Option<Vec<u8>> {
    let mut encoder = Encoder { item, limits, writer: RlpWriter::default() };
    encoder.deposit()?;
    encoder.writer.wrap(0);
    Some([&[TX_TYPE_DEPOSIT], &*encoder.writer.out].concat())
}

/// Returns a block's header.
pub(super) fn header(item: &RpcItem<'_>, limits: &Limits) -> Option<Vec<u8>> {
    let mut encoder = Encoder { item, limits, writer: RlpWriter::default() };
    encoder.header()?;
    encoder.writer.wrap(0);
    Some(encoder.writer.out)
}

/// Returns a receipt as its block commits to it; `tx_type` counts where it does not say its own.
///
/// # Source
/// Yellow Paper §4.4.1, EIP-658, EIP-2718; for deposits the OP Stack specification (Canyon).
pub(super) fn receipt(item: &RpcItem<'_>, tx_type: Option<u8>, limits: &Limits) -> Option<Vec<u8>> {
    let mut encoder = Encoder { item, limits, writer: RlpWriter::default() };
    let tx_type = match item.at(RpcKey::Type).value {
        Value::Null => tx_type?,
        value => u8::try_from(number::integer(value, limits).ok()?.magnitude).ok()?,
    };
    if tx_type > TX_TYPE_KNOWN_MAX && tx_type != TX_TYPE_DEPOSIT {
        return None;
    }
    encoder.receipt(tx_type)?;
    encoder.writer.wrap(0);
    let kind = [tx_type];
    let kind = if tx_type == 0 { &[][..] } else { &kind };
    Some([kind, &encoder.writer.out].concat())
}

/// Returns a block's withdrawals as its header commits to them.
pub(super) fn withdrawals(item: &RpcItem<'_>, limits: &Limits) -> Option<Committed> {
    let mut list = Committed::default();
    let Value::Array(_) = item.at(RpcKey::Withdrawals).value else { return None };
    let read = item.at(RpcKey::Withdrawals).objects(limits, &WITHDRAWAL, |entry| {
        let mut encoder = Encoder { item, limits, writer: RlpWriter::default() };
        let is_whole = encoder.withdrawal(&entry);
        encoder.writer.wrap(0);
        list.push(is_whole.map(|()| encoder.writer.out));
        Ok(())
    });
    read.ok().map(|()| list)
}

/// Writes fields as they were hashed; `None` as soon as one is missing or odd.
struct Encoder<'e, 'a> {
    item: &'e RpcItem<'a>,
    limits: &'e Limits,
    writer: RlpWriter,
}

impl<'a> Encoder<'_, 'a> {
    fn transaction(&mut self, tx_type: u8) -> Option<Signature> {
        if tx_type != 0 {
            self.numbers(&[RpcKey::ChainId])?;
        }
        self.numbers(&[RpcKey::Nonce])?;
        match tx_type {
            0 | 1 => self.numbers(&[RpcKey::GasPrice])?,
            2..=4 => self.numbers(&[RpcKey::MaxPriorityFee, RpcKey::MaxFee])?,
            _ => return None,
        }
        self.numbers(&[RpcKey::Gas])?;
        self.bytes(RpcKey::To)?;
        self.numbers(&[RpcKey::Value])?;
        self.input()?;
        if tx_type != 0 {
            self.access_list()?;
        }
        match tx_type {
            3 => {
                self.numbers(&[RpcKey::MaxBlobFee])?;
                let start = self.writer.out.len();
                self.texts(self.item.at(RpcKey::BlobHashes))?;
                self.writer.wrap(start);
            }
            4 => self.authorizations()?,
            _ => {}
        }
        self.signature(tx_type)
    }

    fn deposit(&mut self) -> Option<()> {
        // Other chains have used this type for other things.
        self.item.has(RpcKey::SourceHash).then_some(())?;
        self.bytes(RpcKey::SourceHash)?;
        self.bytes(RpcKey::From)?;
        self.bytes(RpcKey::To)?;
        if self.item.has(RpcKey::Mint) {
            self.numbers(&[RpcKey::Mint])?
        } else {
            self.writer.bytes(b"")
        }
        self.numbers(&[RpcKey::Value, RpcKey::Gas])?;
        match self.item.at(RpcKey::IsSystem).value {
            Value::Bool(true) => self.writer.bytes(&[1]),
            Value::Bool(false) | Value::Null => self.writer.bytes(b""),
            _ => return None,
        }
        self.input()
    }

    fn header(&mut self) -> Option<()> {
        use RpcKey::{
            Bloom, ExtraData, Miner, MixHash, Nonce, ParentHash, ReceiptsRoot, StateRoot,
            TransactionsRoot, Uncles,
        };
        for key in [ParentHash, Uncles, Miner, StateRoot, TransactionsRoot, ReceiptsRoot, Bloom] {
            (!self.item.at(key).is_nothing()).then_some(())?;
            self.bytes(key)?;
        }
        self.numbers(&HEADER_NUMBERS)?;
        for key in [ExtraData, MixHash, Nonce] {
            self.item.has(key).then_some(())?;
            self.bytes(key)?;
        }
        for (key, is_number) in HEADER_TAIL {
            if !self.item.has(key) {
                continue;
            }
            if is_number { self.numbers(&[key])? } else { self.bytes(key)? }
        }
        Some(())
    }

    fn receipt(&mut self, tx_type: u8) -> Option<()> {
        if self.item.has(RpcKey::Status) {
            self.numbers(&[RpcKey::Status])?;
        } else {
            // Before Byzantium.
            self.item.has(RpcKey::Root).then_some(())?;
            self.bytes(RpcKey::Root)?;
        }
        self.numbers(&[RpcKey::CumulativeGasUsed])?;
        let given = self.item.at(RpcKey::Bloom).hex_digits().ok()?.and_then(hex::bytes);
        let given = given.filter(|bloom| bloom.len() == BLOOM);
        // Computed where it is not shown: its place in front of the logs is filled afterwards.
        self.writer.bytes(given.as_deref().unwrap_or(&[0; BLOOM]));
        let bloom_end = self.writer.out.len();
        let mut bloom = [0; BLOOM];
        let start = self.writer.out.len();
        self.objects(RpcKey::Logs, &LOG, |encoder, log| {
            let first = encoder.writer.out.len();
            encoder.text(log.at(0))?;
            let topics = encoder.writer.out.len();
            encoder.texts(log.at(1))?;
            if given.is_none() {
                // Each is one byte of length and what it hashes.
                add_to_bloom(&mut bloom, encoder.writer.out.get(first + 1..topics)?);
                let topics = encoder.writer.out[topics..].chunks_exact(33);
                topics.for_each(|topic| add_to_bloom(&mut bloom, &topic[1..]));
            }
            encoder.writer.wrap(topics);
            encoder.text(log.at(2))
        })?;
        self.writer.wrap(start);
        if given.is_none() {
            self.writer.out[bloom_end - BLOOM..bloom_end].copy_from_slice(&bloom);
        }
        if tx_type == TX_TYPE_DEPOSIT && self.item.has(RpcKey::DepositVersion) {
            self.numbers(&[RpcKey::DepositNonce, RpcKey::DepositVersion])?;
        }
        Some(())
    }

    fn withdrawal(&mut self, entry: &Fields<'a, 4>) -> Option<()> {
        self.number(entry.at(0))?;
        self.number(entry.at(1))?;
        self.text(entry.at(2))?;
        self.number(entry.at(3))
    }

    /// Writes integers, which must be there.
    fn numbers(&mut self, keys: &[RpcKey]) -> Option<()> {
        keys.iter().try_for_each(|&key| self.number(self.item.at(key)))
    }

    fn number(&mut self, field: Field<'_>) -> Option<()> {
        let number = number::integer(field.value, self.limits).ok()?;
        self.writer.uint(&number.magnitude.to_be_bytes::<32>());
        Some(())
    }

    /// Writes bytes, none if the field is absent or empty.
    fn bytes(&mut self, key: RpcKey) -> Option<()> {
        self.text(self.item.at(key))
    }

    fn input(&mut self) -> Option<()> {
        let key = if self.item.has(RpcKey::Input) { RpcKey::Input } else { RpcKey::Data };
        self.item.has(key).then_some(())?;
        self.bytes(key)
    }

    fn text(&mut self, field: Field<'_>) -> Option<()> {
        let digits = field.hex_digits().ok()?.unwrap_or_default();
        self.writer.bytes(&hex::bytes(digits)?);
        Some(())
    }

    /// Writes the elements of an array of byte strings.
    fn texts(&mut self, field: Field<'_>) -> Option<()> {
        let Value::Array(raw) = field.value else { return None };
        let mut keys = Vec::new();
        let mut scanner = JsonScanner::new(raw, self.limits, &mut keys);
        let mut n = 0;
        let mut is_more = scanner.open_array(0).ok()?;
        while is_more {
            self.text(Field { value: scanner.value(1).ok()?, ..field })?;
            is_more = scanner.next_element(&mut n).ok()?;
        }
        Some(())
    }

    fn access_list(&mut self) -> Option<()> {
        let start = self.writer.out.len();
        self.objects(RpcKey::AccessList, &ACCESS, |encoder, entry| {
            encoder.text(entry.at(0))?;
            let start = encoder.writer.out.len();
            encoder.texts(entry.at(1))?;
            encoder.writer.wrap(start);
            Some(())
        })?;
        self.writer.wrap(start);
        Some(())
    }

    fn authorizations(&mut self) -> Option<()> {
        let start = self.writer.out.len();
        self.objects(RpcKey::Authorizations, &AUTHORIZATION, |encoder, entry| {
            encoder.number(entry.at(0))?;
            encoder.text(entry.at(1))?;
            encoder.number(entry.at(2))?;
            encoder.number(entry.at(if entry.has(3) { 3 } else { 4 }))?;
            encoder.number(entry.at(5))?;
            encoder.number(entry.at(6))
        })?;
        self.writer.wrap(start);
        Some(())
    }

    /// Writes the objects of an array as lists.
    fn objects<const N: usize>(
        &mut self,
        key: RpcKey,
        keys: &'static Keys<N>,
        mut write: impl FnMut(&mut Self, &Fields<'a, N>) -> Option<()>,
    ) -> Option<()> {
        let field = self.item.at(key);
        let Value::Array(_) = field.value else { return None };
        let mut is_whole = Some(());
        let limits = self.limits;
        let read = field.objects(limits, keys, |entry| {
            let start = self.writer.out.len();
            is_whole = is_whole.and_then(|()| write(self, &entry));
            self.writer.wrap(start);
            Ok(())
        });
        read.ok()?;
        is_whole
    }

    fn signature(&self, tx_type: u8) -> Option<Signature> {
        let number = |key: RpcKey| {
            number::integer(self.item.at(key).value, self.limits).ok().map(|n| n.magnitude)
        };
        // The parity wins: clients have put other things into v.
        let v = match tx_type {
            0 => number(RpcKey::V)?,
            _ => number(RpcKey::YParity).or_else(|| number(RpcKey::V))?,
        };
        let mut v = u64::try_from(v).ok()?;
        // Libraries (ethers) count a parity from 27 on, as before EIP-155.
        if tx_type != 0 && (v == 27 || v == 28) {
            v -= 27;
        }
        let (r, s) = (number(RpcKey::R)?, number(RpcKey::S)?);
        // What a chain adds by itself (Polygon's state syncs) is signed by nobody, and in no root.
        let is_signed = !r.is_zero() || !s.is_zero();
        is_signed.then(|| Signature { v, r: r.to_be_bytes(), s: s.to_be_bytes() })
    }
}

/// Sets the three bits of a bloom filter that stand for an address or a topic.
///
/// # Source
/// Yellow Paper §4.4.3, M3:2048.
fn add_to_bloom(bloom: &mut [u8; BLOOM], entry: &[u8]) {
    let hash = keccak(&[entry]);
    for pair in hash.chunks_exact(2).take(3) {
        let bit = (usize::from(pair[0]) << 8 | usize::from(pair[1])) % (8 * BLOOM);
        bloom[BLOOM - 1 - bit / 8] |= 1 << (bit % 8);
    }
}
