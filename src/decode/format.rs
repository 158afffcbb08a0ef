//! The table of formats: names, and who reads a part of each.

use super::{bitcoin_etl, ethereum_etl, record::ReadPart};
use crate::model::Chain;
use serde::{Deserialize, Serialize};

/// The formats this build reads; one file and one table line each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    EthereumEtl,
    BitcoinEtl,
}

impl Format {
    pub const ALL: [Self; 2] = [Self::EthereumEtl, Self::BitcoinEtl];

    /// Returns the name used in configuration, on the wire and as a metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EthereumEtl => "ethereum_etl",
            Self::BitcoinEtl => "bitcoin_etl",
        }
    }

    /// Finds a format by its name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }

    /// Returns the CAIP-2 id of the chain that the format is named after.
    pub fn default_chain(self) -> &'static str {
        match self {
            Self::EthereumEtl => Chain::ETHEREUM,
            Self::BitcoinEtl => Chain::BITCOIN,
        }
    }

    /// Returns what reads one part of this format.
    pub(super) fn reader(self) -> ReadPart {
        match self {
            Self::EthereumEtl => ethereum_etl::read,
            Self::BitcoinEtl => bitcoin_etl::read,
        }
    }
}
