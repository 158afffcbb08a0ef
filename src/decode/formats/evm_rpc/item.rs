//! The fields of everything that an EVM node answers: one table, because kinds show in them.

use crate::{
    decode::{
        Limits, Reason, Refusal,
        json::{
            JsonFlaw, JsonScanner, Value,
            field::Reader,
            guide::Guides,
            keys::{Field, Fields, Keys},
        },
    },
    model::{Hash32, Inclusion},
};

/// Declares the fields and their names.
macro_rules! fields {
    ($($id:ident $name:literal),* $(,)?) => {
        #[derive(Clone, Copy)]
        pub(super) enum RpcKey { $($id),* }
        static KEYS: Keys<{ [$($name),*].len() }> = Keys::new([$($name),*]);
    };
}

fields! {
    // Messages and bundles.
    JsonRpc "jsonrpc", Result "result", Params "params", Error "error", Block "block",
    Receipts "receipts", Traces "traces",
    // Transactions.
    Hash "hash", From "from", To "to", Nonce "nonce", Value "value", Gas "gas", Input "input",
    Data "data", Type "type", BlockHash "blockHash", BlockNumber "blockNumber",
    BlockTimestamp "blockTimestamp", TransactionIndex "transactionIndex", GasPrice "gasPrice",
    MaxFee "maxFeePerGas", MaxPriorityFee "maxPriorityFeePerGas", MaxBlobFee "maxFeePerBlobGas",
    BlobHashes "blobVersionedHashes", Authorizations "authorizationList", AccessList "accessList",
    ChainId "chainId", V "v", YParity "yParity", R "r", S "s", SourceHash "sourceHash",
    Mint "mint", IsSystem "isSystemTx",
    // Receipts.
    TransactionHash "transactionHash", Status "status", GasUsed "gasUsed",
    EffectivePrice "effectiveGasPrice", Created "contractAddress", Logs "logs", L1Fee "l1Fee",
    CumulativeGasUsed "cumulativeGasUsed", Root "root", DepositNonce "depositNonce",
    DepositVersion "depositReceiptVersion",
    // Logs.
    Address "address", Topics "topics", LogIndex "logIndex", Removed "removed",
    // Blocks, in the order of the header's encoding.
    ParentHash "parentHash", Uncles "sha3Uncles", Miner "miner", StateRoot "stateRoot",
    TransactionsRoot "transactionsRoot", ReceiptsRoot "receiptsRoot", Bloom "logsBloom",
    Difficulty "difficulty", Number "number", GasLimit "gasLimit", Timestamp "timestamp",
    ExtraData "extraData", MixHash "mixHash", BaseFee "baseFeePerGas",
    WithdrawalsRoot "withdrawalsRoot", BlobGasUsed "blobGasUsed", ExcessBlobGas "excessBlobGas",
    BeaconRoot "parentBeaconBlockRoot", RequestsHash "requestsHash",
    Transactions "transactions", Withdrawals "withdrawals",
    // Traces.
    Action "action", TraceAddress "traceAddress", TransactionPosition "transactionPosition",
    // The same in the dumps of exporters.
    SnakeBlockHash "block_hash", SnakeBlockNumber "block_number",
    SnakeTransactionHash "transaction_hash", SnakeTransactionIndex "transaction_index",
    SnakePosition "transaction_position", SnakeTraceAddress "trace_address",
    SnakeGasUsed "gas_used", SnakeCumulativeGasUsed "cumulative_gas_used",
    SnakeEffectivePrice "effective_gas_price",
}

/// What dumps call otherwise.
const SNAKE: [(RpcKey, RpcKey); 9] = [
    (RpcKey::BlockHash, RpcKey::SnakeBlockHash),
    (RpcKey::BlockNumber, RpcKey::SnakeBlockNumber),
    (RpcKey::TransactionHash, RpcKey::SnakeTransactionHash),
    (RpcKey::TransactionIndex, RpcKey::SnakeTransactionIndex),
    (RpcKey::TransactionPosition, RpcKey::SnakePosition),
    (RpcKey::TraceAddress, RpcKey::SnakeTraceAddress),
    (RpcKey::GasUsed, RpcKey::SnakeGasUsed),
    (RpcKey::CumulativeGasUsed, RpcKey::SnakeCumulativeGasUsed),
    (RpcKey::EffectivePrice, RpcKey::SnakeEffectivePrice),
];

static PARAMS: Keys<2> = Keys::new(["result", "error"]);

/// The kinds of objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RpcKind {
    Bundle,
    Block,
    Transaction,
    Receipt,
    Log,
    Trace,
}

/// The fields of one object, and the object itself.
pub(super) struct RpcItem<'a> {
    fields: Fields<'a, { KEYS.names.len() }>,
    raw: &'a [u8],
}

impl<'a> RpcItem<'a> {
    /// Reads the object that the scanner stands on.
    pub fn scan(
        scanner: &mut JsonScanner<'a, '_>,
        depth: usize,
        guides: &mut Guides,
    ) -> Result<Self, JsonFlaw> {
        let mut fields = Fields::new(&KEYS);
        let start = scanner.pos();
        scanner.fields(depth, &mut guides.rpc, &mut fields, |s, _| s.value(depth + 1))?;
        let mut item = Self { fields, raw: scanner.since(start) };
        for (camel, snake) in SNAKE {
            if item.has(snake) && !item.has(camel) {
                item.fields.set(camel as usize, item.at(snake).value);
            }
        }
        Ok(item)
    }

    /// Reads an object that has been validated before.
    pub fn of(raw: &'a [u8], reader: &mut Reader<'_>) -> Result<Self, Refusal> {
        let mut keys = Vec::new();
        let mut scanner = JsonScanner::new(raw, &reader.settings.limits, &mut keys);
        Ok(Self::scan(&mut scanner, 0, reader.guides)?)
    }

    /// Reads the elements of an array that has been validated before, one at a time; those that are
    /// no objects are handed on as they are.
    pub fn each(
        raw: &'a [u8],
        reader: &mut Reader<'_>,
        mut on_item: impl FnMut(Result<Self, Value<'a>>, &mut Reader<'_>) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let mut keys = Vec::new();
        let mut scanner = JsonScanner::new(raw, &reader.settings.limits, &mut keys);
        let mut n = 0;
        let mut is_more = scanner.open_array(0)?;
        while is_more {
            let item = match scanner.peek() {
                Some(b'{') => Ok(Self::scan(&mut scanner, 1, reader.guides)?),
                _ => Err(scanner.value(1)?),
            };
            on_item(item, reader)?;
            is_more = scanner.next_element(&mut n)?;
        }
        Ok(())
    }

    /// Returns a field.
    pub fn at(&self, key: RpcKey) -> Field<'a> {
        self.fields.at(key as usize)
    }

    /// Returns whether a field is neither absent nor null.
    pub fn has(&self, key: RpcKey) -> bool {
        self.fields.has(key as usize)
    }

    /// Returns whether the object has a field, not null, that the table does not know and that
    /// `counts`.
    ///
    /// # Cost
    /// Reads the object once more.
    pub fn has_foreign(&self, limits: &Limits, counts: impl Fn(&[u8]) -> bool) -> bool {
        let mut keys = Vec::new();
        let mut is_found = false;
        let scanned =
            JsonScanner::new(self.raw, limits, &mut keys).object(0, |hash, key, value| {
                let is_null = matches!(value, Value::Null);
                is_found |= !is_null && KEYS.find(hash, key).is_none() && counts(key);
            });
        is_found && scanned.is_ok()
    }

    /// Returns the object itself.
    pub fn whole(&self) -> Value<'a> {
        Value::Object(self.raw)
    }

    /// Returns whether this is a JSON-RPC message and not the object in it.
    pub fn is_message(&self) -> bool {
        self.has(RpcKey::JsonRpc) || self.has(RpcKey::Params)
    }

    /// Returns whether this is a node's error and nothing else, in a message or without.
    pub fn is_error(&self) -> bool {
        self.has(RpcKey::Error) && !self.has(RpcKey::Result) && self.kind().is_none()
    }

    /// Returns what a message carries: `result` or `params.result`; `None` for errors and nulls.
    pub fn result(&self, limits: &Limits) -> Result<Option<Field<'a>>, Refusal> {
        let result = self.at(RpcKey::Result);
        let value = match result.value {
            Value::Null => self.params(limits)?.map_or(Value::Null, |params| params.at(0).value),
            value => value,
        };
        Ok((!matches!(value, Value::Null)).then_some(Field { value, ..result }))
    }

    /// Returns whether a node says by this, in a message, a push or without, that it failed.
    pub fn is_failed(&self, limits: &Limits) -> Result<bool, Refusal> {
        let is_pushed = || Ok(self.params(limits)?.is_some_and(|params| params.has(1)));
        if self.is_message() && !self.has(RpcKey::Result) {
            return if self.has(RpcKey::Error) { Ok(true) } else { is_pushed() };
        }
        Ok(self.is_error())
    }

    fn params(&self, limits: &Limits) -> Result<Option<Fields<'a, 2>>, Refusal> {
        match self.at(RpcKey::Params).value {
            Value::Object(_) => self.at(RpcKey::Params).object(limits, &PARAMS),
            _ => Ok(None),
        }
    }

    /// Returns what the object is, by the fields that only one kind has.
    pub fn kind(&self) -> Option<RpcKind> {
        let any = |keys: &[RpcKey]| keys.iter().any(|&key| self.has(key));
        if any(&[RpcKey::Block, RpcKey::Receipts, RpcKey::Traces]) {
            return Some(RpcKind::Bundle);
        }
        self.kind_of_whole()
    }

    /// Returns what the object is beside the receipts and traces that it may contain.
    pub fn kind_of_whole(&self) -> Option<RpcKind> {
        let any = |keys: &[RpcKey]| keys.iter().any(|&key| self.has(key));
        if self.has(RpcKey::Action) {
            Some(RpcKind::Trace)
        } else if self.has(RpcKey::LogIndex) || self.has(RpcKey::Topics) {
            Some(RpcKind::Log)
        } else if self.has(RpcKey::TransactionHash) {
            Some(RpcKind::Receipt)
        } else if self.has(RpcKey::ParentHash) {
            Some(RpcKind::Block)
        } else if self.has(RpcKey::Hash)
            && any(&[RpcKey::From, RpcKey::Gas, RpcKey::Input, RpcKey::Value])
        {
            Some(RpcKind::Transaction)
        } else if self.has(RpcKey::Hash) && self.has(RpcKey::Number) {
            Some(RpcKind::Block)
        } else {
            None
        }
    }

    /// Reads where the object was included; `None` while it is pending, as is what names a block of
    /// zeros.
    pub fn inclusion(&self, reader: &mut Reader<'_>) -> Result<Option<Inclusion>, Refusal> {
        let Some(height) = self.at(RpcKey::BlockNumber).height(reader)? else { return Ok(None) };
        let block = self.at(RpcKey::BlockHash).hash()?;
        if block == Some(Hash32::default()) {
            return Ok(None);
        }
        let index = self.at(RpcKey::TransactionIndex).or_null().count(reader)?;
        Ok(Some(Inclusion { height, block, index }))
    }

    /// Refuses the object because of a field of another type.
    pub fn refuse(&self, key: RpcKey, what: &str) -> Refusal {
        self.at(key).refuse(Reason::BadField, what)
    }
}
