//! The table of formats: names, and who reads a part of each.

pub(super) mod bitcoin_etl;
pub(super) mod bitcoin_raw;
pub(super) mod bitcoin_zmq;
pub(super) mod bitcoind;
pub(super) mod csv;
pub(super) mod ethereum_etl;
pub(super) mod evm_raw;
pub(super) mod evm_rpc;
pub(super) mod mapped;

use super::{
    Settings,
    record::{Read, ReadBytes, ReadPart, ReadText},
};
use crate::model::Chain;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Declares every format: one line each.
macro_rules! formats {
    ($($(#[$about:meta])* $Format:ident = $name:literal, $chain:expr, $read:expr;)*) => {
        /// The formats this build reads; one file and one table line each.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum Format {
            $($(#[$about])* #[serde(rename = $name)] $Format,)*
        }

        impl Format {
            pub const ALL: &[Self] = &[$(Self::$Format,)*];

            fn line(self) -> FormatLine {
                match self {
                    $(Self::$Format => FormatLine { name: $name, chain: $chain, read: $read },)*
                }
            }
        }
    };
}

/// What the table says of a format.
struct FormatLine {
    name: &'static str,
    /// CAIP-2 id of the chain that it is named after.
    chain: &'static str,
    read: PartReader,
}

/// Who reads a part of a format.
enum PartReader {
    Fixed(Read),
    /// What is read where, the settings say.
    BySettings(fn(&Settings) -> Read),
}

const fn json(read: ReadPart) -> PartReader {
    PartReader::Fixed(Read::Json(read))
}

const fn text(read: ReadText) -> PartReader {
    PartReader::Fixed(Read::Text(read))
}

const fn bytes(read: ReadBytes) -> PartReader {
    PartReader::Fixed(Read::Bytes(read))
}

formats! {
    EthereumEtl = "ethereum_etl", Chain::ETHEREUM, json(ethereum_etl::read);
    EthereumEtlCsv = "ethereum_etl_csv", Chain::ETHEREUM, text(ethereum_etl::csv::read);
    EvmRpc = "evm_rpc", Chain::ETHEREUM, json(evm_rpc::read);
    EvmBlock = "evm_block", Chain::ETHEREUM, json(evm_rpc::read_block);
    EvmRaw = "evm_raw", Chain::ETHEREUM, bytes(evm_raw::read);
    BitcoinEtl = "bitcoin_etl", Chain::BITCOIN, json(bitcoin_etl::read);
    Bitcoind = "bitcoind", Chain::BITCOIN, json(bitcoind::read);
    BitcoinRaw = "bitcoin_raw", Chain::BITCOIN, bytes(bitcoin_raw::read);
    BitcoinZmq = "bitcoin_zmq", Chain::BITCOIN, bytes(bitcoin_zmq::read);
    /// As the mapping in the settings says.
    Mapped = "mapped", Chain::ETHEREUM, PartReader::BySettings(mapped::reader);
}

impl Format {
    /// Returns the name used in configuration, on the wire and as a metric label.
    pub fn as_str(self) -> &'static str {
        self.line().name
    }

    /// Finds a format by its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|format| format.as_str() == name)
    }

    /// Returns the CAIP-2 id of the chain that the format is named after.
    pub fn default_chain(self) -> &'static str {
        self.line().chain
    }

    /// Returns whether its records can be any bytes: those are never guessed at.
    pub(super) fn is_binary(self) -> bool {
        matches!(self.line().read, PartReader::Fixed(Read::Bytes(_)))
    }

    /// Returns what reads this format.
    pub(super) fn reader(self, settings: &Settings) -> Read {
        match self.line().read {
            PartReader::Fixed(read) => read,
            PartReader::BySettings(choose) => choose(settings),
        }
    }
}
