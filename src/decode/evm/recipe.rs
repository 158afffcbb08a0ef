//! On which chains, and from which height on, what a block's or a transaction's id is a hash of is
//! known so well that another hash refutes it.
//!
//! An id that *is* the Keccak of the fields as they are known here is verified on any chain. One
//! that is not refutes the record only where a line of this table says so: elsewhere the chain
//! hashes something else (seals left out, fields added, another function), and nobody here can
//! tell a forgery from that. `src/manual/chains.md` says it for each chain in words.

use crate::model::{Chain, Quality};

/// What the ids of a chain are hashes of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::decode) enum Recipe {
    /// Headers and transactions of types 0 to 4 as Ethereum has them.
    Ethereum,
    /// The same, and deposits of type 0x7e as the OP Stack specifies them.
    OpStack,
}

/// Chains by CAIP-2 id, the first height from which on the recipe holds, and the recipe.
///
/// # Source
/// Yellow Paper §4.3 and the EIPs of each fork for Ethereum and its test networks, which are run
/// by the same clients; the OP Stack specification for the chains of its registry. The height of
/// OP Mainnet is its Bedrock block.
const RECIPES: [(&str, u64, Recipe); 18] = [
    ("eip155:1", 0, Recipe::Ethereum),
    ("eip155:61", 0, Recipe::Ethereum),
    ("eip155:17000", 0, Recipe::Ethereum),
    ("eip155:560048", 0, Recipe::Ethereum),
    ("eip155:11155111", 0, Recipe::Ethereum),
    ("eip155:10", 105_235_063, Recipe::OpStack),
    ("eip155:130", 0, Recipe::OpStack),
    ("eip155:480", 0, Recipe::OpStack),
    ("eip155:1135", 0, Recipe::OpStack),
    ("eip155:1750", 0, Recipe::OpStack),
    ("eip155:1868", 0, Recipe::OpStack),
    ("eip155:4153", 0, Recipe::OpStack),
    ("eip155:8453", 0, Recipe::OpStack),
    ("eip155:34443", 0, Recipe::OpStack),
    ("eip155:57073", 0, Recipe::OpStack),
    ("eip155:84532", 0, Recipe::OpStack),
    ("eip155:7777777", 0, Recipe::OpStack),
    ("eip155:11155420", 0, Recipe::OpStack),
];

/// Fields of a block's answer that are no part of its header: whatever clients add here (sizes,
/// sums, the header's own fields under a second name) says nothing of a fork.
const BESIDE_HEADER: [&str; 8] = [
    "author",
    "size",
    "sealFields",
    "totalDifficulty",
    "uncles",
    "block_timestamp",
    "type",
    "item_type",
];

/// Returns the recipe of a chain at a height; `None` as the height stands for the newest.
pub(in crate::decode) fn at(chain: &Chain, height: Option<u64>) -> Option<Recipe> {
    let line = RECIPES.iter().find(|(id, ..)| *id == &*chain.id)?;
    height.is_none_or(|height| height >= line.1).then_some(line.2)
}

/// Returns whether an answer's field that this program does not know may be one of the header's.
pub(in crate::decode) fn may_be_hashed(name: &[u8]) -> bool {
    BESIDE_HEADER.iter().all(|known| known.as_bytes() != name)
}

/// Returns whether another hash than its id's refutes a block of this chain at all, so that one
/// that cannot be verified stands out.
pub fn is_known(chain: &Chain) -> bool {
    at(chain, None).is_some()
}

/// What comes of an id and the fields that should hash to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::decode) enum RecipeMatch {
    Verified,
    /// The recipe is known and gives another hash.
    Refuted,
    /// The recipe is not known.
    Unknown,
}

impl RecipeMatch {
    /// Weighs whether the fields hash to the id, where a recipe may be known.
    pub fn of(is_equal: bool, is_known: bool) -> Self {
        match (is_equal, is_known) {
            (true, _) => Self::Verified,
            (false, true) => Self::Refuted,
            (false, false) => Self::Unknown,
        }
    }

    /// Returns what is known of an event of which no policy has judged more.
    pub fn quality(self) -> Quality {
        match self {
            Self::Verified => Quality::HASH_VERIFIED,
            Self::Refuted => Quality::empty(),
            Self::Unknown => Quality::UNVERIFIED,
        }
    }
}
