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

use super::{Settings, record::Read};
use crate::model::Chain;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The formats this build reads; one file and one table line each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    EthereumEtl,
    EthereumEtlCsv,
    EvmRpc,
    EvmBlock,
    EvmRaw,
    BitcoinEtl,
    Bitcoind,
    BitcoinRaw,
    BitcoinZmq,
    /// As the mapping in the settings says.
    Mapped,
}

impl Format {
    pub const ALL: [Self; 10] = [
        Self::EthereumEtl,
        Self::EthereumEtlCsv,
        Self::EvmRpc,
        Self::EvmBlock,
        Self::EvmRaw,
        Self::BitcoinEtl,
        Self::Bitcoind,
        Self::BitcoinRaw,
        Self::BitcoinZmq,
        Self::Mapped,
    ];

    /// Returns the name used in configuration, on the wire and as a metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EthereumEtl => "ethereum_etl",
            Self::EthereumEtlCsv => "ethereum_etl_csv",
            Self::EvmRpc => "evm_rpc",
            Self::EvmBlock => "evm_block",
            Self::EvmRaw => "evm_raw",
            Self::BitcoinEtl => "bitcoin_etl",
            Self::Bitcoind => "bitcoind",
            Self::BitcoinRaw => "bitcoin_raw",
            Self::BitcoinZmq => "bitcoin_zmq",
            Self::Mapped => "mapped",
        }
    }

    /// Finds a format by its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }

    /// Returns the CAIP-2 id of the chain that the format is named after.
    pub fn default_chain(self) -> &'static str {
        match self {
            Self::EthereumEtl
            | Self::EthereumEtlCsv
            | Self::EvmRpc
            | Self::EvmBlock
            | Self::EvmRaw
            | Self::Mapped => Chain::ETHEREUM,
            Self::BitcoinEtl | Self::Bitcoind | Self::BitcoinRaw | Self::BitcoinZmq => {
                Chain::BITCOIN
            }
        }
    }

    /// Returns what reads this format.
    pub(super) fn reader(self, settings: &Settings) -> Read {
        match self {
            Self::EthereumEtl => Read::Json(ethereum_etl::read),
            Self::EthereumEtlCsv => Read::Text(ethereum_etl::csv::read),
            Self::EvmRpc => Read::Json(evm_rpc::read),
            Self::EvmBlock => Read::Json(evm_rpc::read_block),
            Self::EvmRaw => Read::Bytes(evm_raw::read),
            Self::BitcoinEtl => Read::Json(bitcoin_etl::read),
            Self::Bitcoind => Read::Json(bitcoind::read),
            Self::BitcoinRaw => Read::Bytes(bitcoin_raw::read),
            Self::BitcoinZmq => Read::Bytes(bitcoin_zmq::read),
            Self::Mapped => mapped::reader(settings),
        }
    }
}
