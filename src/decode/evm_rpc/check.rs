//! Whether a transaction's or block's fields hash to its id, and its signature is its sender's.
//!
//! The encoding that was hashed is rebuilt from the fields. What lacks a field of it (a light
//! exporter, a chain with fields of its own) cannot be checked, and carries no verified flag.

use super::item::{Item, Key};
use crate::{
    decode::{
        Refusal,
        evm::{
            TX_TYPE_DEPOSIT, keccak,
            rlp::Writer,
            signed::{Signature, Signed},
        },
        field::Reader,
        hex,
        json::{Scanner, Value},
        keys::{Field, Fields, Keys},
        number,
    },
    model::{Address, EvmTx, Hash32, Quality},
};

static ACCESS: Keys<2> = Keys::new(["address", "storageKeys"]);
static AUTHORIZATION: Keys<7> =
    Keys::new(["chainId", "address", "nonce", "yParity", "v", "r", "s"]);

/// The header's fields from its number on to its time, all integers.
const HEADER_NUMBERS: [Key; 5] =
    [Key::Difficulty, Key::Number, Key::GasLimit, Key::GasUsed, Key::Timestamp];
/// What forks have appended, in order; the flag says whether it is an integer.
const HEADER_TAIL: [(Key, bool); 6] = [
    (Key::BaseFee, true),
    (Key::WithdrawalsRoot, false),
    (Key::BlobGasUsed, true),
    (Key::ExcessBlobGas, true),
    (Key::BeaconRoot, false),
    (Key::RequestsHash, false),
];

/// Checks a transaction's id and sender as far as the policies want it.
pub(super) fn transaction(
    item: &Item<'_>,
    id: &Hash32,
    body: &EvmTx,
    reader: &mut Reader<'_>,
) -> Result<(), Refusal> {
    let checks = reader.limits().checks;
    if !checks.hash.is_wanted() && !checks.sender.is_wanted() {
        return Ok(());
    }
    let mut encoder = Encoder { item, reader, writer: Writer::default() };
    if body.tx_type == Some(TX_TYPE_DEPOSIT) {
        // Nobody signs a deposit.
        let Some(()) = encoder.deposit() else { return Ok(()) };
        encoder.writer.wrap(0);
        let hash = keccak(&[&[TX_TYPE_DEPOSIT], &encoder.writer.out]);
        return reader.judge(hash == id.0, Quality::HASH_VERIFIED, checks.hash, "not its hash");
    }
    let tx_type = body.tx_type.unwrap_or(0);
    let Some(signature) = encoder.transaction(tx_type) else { return Ok(()) };
    let fields = encoder.writer.out;
    let signed = Signed { tx_type, fields: &fields, signature };
    let is_right = signed.id() == id.0;
    if checks.hash.is_wanted() {
        reader.judge(is_right, Quality::HASH_VERIFIED, checks.hash, "not its hash")?;
    }
    // Of other bytes than those that were signed, nobody is the sender.
    if checks.sender.is_wanted() && is_right && reader.may_check_signature() {
        let is_right = signed.sender().map(Address::Evm).as_ref() == Some(&body.from);
        reader.judge(is_right, Quality::SENDER_VERIFIED, checks.sender, "not its signer")?;
    }
    Ok(())
}

/// Checks a block's hash against its header, if the policy wants it.
pub(super) fn header(
    item: &Item<'_>,
    hash: &Hash32,
    reader: &mut Reader<'_>,
) -> Result<(), Refusal> {
    let policy = reader.limits().checks.hash;
    if !policy.is_wanted() {
        return Ok(());
    }
    let mut encoder = Encoder { item, reader, writer: Writer::default() };
    let Some(()) = encoder.header() else { return Ok(()) };
    encoder.writer.wrap(0);
    let is_right = keccak(&[&encoder.writer.out]) == hash.0;
    reader.judge(is_right, Quality::HASH_VERIFIED, policy, "not its header's hash")
}

/// Writes fields as they were hashed; `None` as soon as one is missing or odd.
struct Encoder<'e, 'a, 'c> {
    item: &'e Item<'a>,
    reader: &'e Reader<'c>,
    writer: Writer,
}

impl<'a> Encoder<'_, 'a, '_> {
    fn transaction(&mut self, tx_type: u8) -> Option<Signature> {
        if tx_type != 0 {
            self.numbers(&[Key::ChainId])?;
        }
        self.numbers(&[Key::Nonce])?;
        match tx_type {
            0 | 1 => self.numbers(&[Key::GasPrice])?,
            2..=4 => self.numbers(&[Key::MaxPriorityFee, Key::MaxFee])?,
            _ => return None,
        }
        self.numbers(&[Key::Gas])?;
        self.bytes(Key::To)?;
        self.numbers(&[Key::Value])?;
        self.input()?;
        if tx_type != 0 {
            self.access_list()?;
        }
        match tx_type {
            3 => {
                self.numbers(&[Key::MaxBlobFee])?;
                let start = self.writer.out.len();
                self.texts(self.item.at(Key::BlobHashes))?;
                self.writer.wrap(start);
            }
            4 => self.authorizations()?,
            _ => {}
        }
        self.signature(tx_type)
    }

    fn deposit(&mut self) -> Option<()> {
        self.bytes(Key::SourceHash)?;
        self.bytes(Key::From)?;
        self.bytes(Key::To)?;
        if self.item.has(Key::Mint) {
            self.numbers(&[Key::Mint])?
        } else {
            self.writer.bytes(b"")
        }
        self.numbers(&[Key::Value, Key::Gas])?;
        match self.item.at(Key::IsSystem).value {
            Value::Bool(true) => self.writer.bytes(&[1]),
            Value::Bool(false) | Value::Null => self.writer.bytes(b""),
            _ => return None,
        }
        self.input()
    }

    fn header(&mut self) -> Option<()> {
        use Key::{
            Bloom, ExtraData, Miner, MixHash, Nonce, ParentHash, ReceiptsRoot, StateRoot,
            TransactionsRoot, Uncles,
        };
        for key in [ParentHash, Uncles, Miner, StateRoot, TransactionsRoot, ReceiptsRoot, Bloom] {
            self.item.has(key).then_some(())?;
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

    /// Writes integers, which must be there.
    fn numbers(&mut self, keys: &[Key]) -> Option<()> {
        keys.iter().try_for_each(|&key| self.number(self.item.at(key)))
    }

    fn number(&mut self, field: Field<'_>) -> Option<()> {
        let number = number::integer(field.value, self.reader.limits()).ok()?;
        self.writer.uint(&number.magnitude.to_be_bytes::<32>());
        Some(())
    }

    /// Writes bytes, none if the field is absent or empty.
    fn bytes(&mut self, key: Key) -> Option<()> {
        self.text(self.item.at(key))
    }

    fn input(&mut self) -> Option<()> {
        let key = if self.item.has(Key::Input) { Key::Input } else { Key::Data };
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
        let mut scanner = Scanner::new(raw, self.reader.limits(), &mut keys);
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
        self.objects(Key::AccessList, &ACCESS, |encoder, entry| {
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
        self.objects(Key::Authorizations, &AUTHORIZATION, |encoder, entry| {
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
        key: Key,
        keys: &'static Keys<N>,
        mut write: impl FnMut(&mut Self, &Fields<'a, N>) -> Option<()>,
    ) -> Option<()> {
        let field = self.item.at(key);
        let Value::Array(_) = field.value else { return None };
        let mut is_whole = Some(());
        let limits = self.reader.limits();
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
        let number = |key: Key| {
            number::integer(self.item.at(key).value, self.reader.limits()).ok().map(|n| n.magnitude)
        };
        // The parity wins: clients have put other things into v.
        let v = match tx_type {
            0 => number(Key::V)?,
            _ => number(Key::YParity).or_else(|| number(Key::V))?,
        };
        let v = u64::try_from(v).ok()?;
        Some(Signature { v, r: number(Key::R)?.to_be_bytes(), s: number(Key::S)?.to_be_bytes() })
    }
}
