//! Accounts: one name each, whatever the spelling of a record, a label or a verdict.
//!
//! A text is read as what it pays or whom it names, and written in the one form of its chain:
//! CashAddr with its prefix on Bitcoin Cash, the newer form of Litecoin's two, base58 on TRON, the
//! classic form on the XRP Ledger, 20 bytes on EVM chains.

mod base58;
mod cash;
mod entry;
mod mixed;
mod payee;

use crate::model::{Address, Chain, Coin};
use base58::Alphabet;
pub use entry::{Misfit, is_evident, parse};
pub use mixed::contradicts_its_case;
pub(super) use payee::Payee;

/// The first byte of every TRON address.
const TRON: u8 = 0x41;
/// TRON's networks and their names where they answer as EVM chains: main, Shasta, Nile.
const TRON_EVM: [[&str; 2]; 3] = [
    ["tron:0x2b6653dc", "eip155:728126428"],
    ["tron:0x94a9059e", "eip155:2494104990"],
    ["tron:0xcd8690dc", "eip155:3448148188"],
];
/// What X-addresses of the XRP Ledger begin with: on the main network, and on the others.
const X_ADDRESS: [u8; 2] = [0x05, 0x44];
const X_ADDRESS_TEST: [u8; 2] = [0x04, 0x93];
const XRPL_MAIN: &str = "xrpl:0";
/// Behind those and the account: a flag and a destination tag.
const X_TAG_BYTES: usize = 9;
/// Bytes of a Solana address: a public key.
const SOLANA_BYTES: usize = 32;
/// Accounts that stand for a script without an address: this, and sixteen digits.
const SCRIPT_PREFIX: &str = "script:";

/// How the accounts of a chain are written.
#[derive(Clone, Copy)]
enum Naming {
    Evm,
    /// TRON through `eth_` answers: 20 bytes, and lists write base58.
    TronEvm,
    Tron,
    /// With what its X-addresses begin.
    Xrpl([u8; 2]),
    Solana,
    /// Whatever a house calls its accounts, and addresses of all chains.
    Venue,
    Coin(&'static Coin),
    /// A UTXO chain of which nothing is known: texts as they are.
    UnknownCoin,
}

impl Naming {
    fn of(chain: &Chain) -> Self {
        if TRON_EVM.iter().any(|[_, evm]| *evm == &*chain.id) {
            return Self::TronEvm;
        }
        match chain.id.split_once(':').map(|(namespace, _)| namespace) {
            Some("eip155") => Self::Evm,
            Some("tron") => Self::Tron,
            Some("xrpl") if &*chain.id == XRPL_MAIN => Self::Xrpl(X_ADDRESS),
            Some("xrpl") => Self::Xrpl(X_ADDRESS_TEST),
            Some("solana") => Self::Solana,
            Some("bip122") => Coin::of(chain).map_or(Self::UnknownCoin, Self::Coin),
            _ => Self::Venue,
        }
    }

    /// Reads an address of this chain; `None` when it is none.
    fn read(self, text: &str) -> Option<Address> {
        match self {
            Self::Evm => evm(text).map(Address::Evm),
            Self::TronEvm => evm(text).or_else(|| tron(text)).map(Address::Evm),
            Self::Tron => tron(text).or_else(|| evm(text)).map(tron_address),
            Self::Xrpl(prefix) => xrpl(text, prefix),
            Self::Solana => solana(text).map(|()| Address::Text(text.into())),
            Self::Venue => Some(venue(text)),
            Self::Coin(coin) => match text.strip_prefix(SCRIPT_PREFIX) {
                Some(digest) => {
                    super::value::hex::array::<8>(digest.as_bytes())?;
                    Some(Address::Text(text.to_ascii_lowercase().into()))
                }
                None => Payee::read(text, coin)?.address(coin),
            },
            Self::UnknownCoin => {
                let is_address = text.len() >= 14
                    && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b':')
                    && !text.starts_with("0x");
                is_address.then(|| Address::Text(lower_if_caseless(text).into()))
            }
        }
    }
}

/// Returns the account that a record's text names; one that is no address of the chain is an
/// account under its text (made-up names, tokens, and what old exporters write).
pub fn canonical(text: &str, chain: &Chain) -> Address {
    let naming = Naming::of(chain);
    if let Naming::Coin(coin) = naming
        && payee::is_plain(text, coin)
    {
        return Address::Text(text.into());
    }
    naming.read(text).unwrap_or_else(|| Address::Text(lower_if_caseless(text).into()))
}

/// Returns the account of a TRON address without its first byte.
fn tron_address(hash: [u8; 20]) -> Address {
    Address::Text(base58::check_encode(Alphabet::BITCOIN, &[TRON], &hash).into())
}

/// Returns the account of twenty bytes that a mapping calls a TRON or an EVM address.
pub(super) fn of_bytes(hash: [u8; 20], chain: &Chain, is_tron: bool) -> Address {
    match Naming::of(chain) {
        Naming::Evm | Naming::TronEvm => Address::Evm(hash),
        Naming::Tron => tron_address(hash),
        _ if is_tron => tron_address(hash),
        _ => Address::Evm(hash),
    }
}

/// Lowers what is written in an encoding that knows no case (bech32, CashAddr).
fn lower_if_caseless(text: &str) -> String {
    const PREFIXES: [&str; 8] =
        ["bc1", "tb1", "bcrt1", "ltc1", "tltc1", "bitcoincash:", "bchtest:", "bchreg:"];
    let is = |prefix: &&str| {
        let start = text.as_bytes().get(..prefix.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
    };
    if PREFIXES.iter().any(is) { text.to_ascii_lowercase() } else { text.into() }
}

/// Reads 20 bytes as 40 digits in either case, with `0x`, XinFin's `xdc` or nothing before them.
pub(super) fn evm(text: &str) -> Option<[u8; 20]> {
    super::value::hex::array(evm_digits(text).as_bytes())
}

fn evm_digits(text: &str) -> &str {
    let prefixes = ["0x", "0X", "xdc", "XDC"];
    prefixes.iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(text)
}

/// Reads a TRON address: base58, or hex that begins with 41.
pub(super) fn tron(text: &str) -> Option<[u8; 20]> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    let bytes = match super::value::hex::array::<21>(digits.as_bytes()) {
        Some(bytes) => bytes,
        None => base58::check_decode(Alphabet::BITCOIN, text)?.try_into().ok()?,
    };
    let [TRON, hash @ ..] = bytes else { return None };
    Some(hash)
}

/// Reads an account of the XRP Ledger; a tag in or behind it (`?dt=1`, `:1`) is not part of it.
fn xrpl(text: &str, x_address: [u8; 2]) -> Option<Address> {
    let text = text.split(['?', ':']).next()?;
    let payload = base58::check_decode(Alphabet::RIPPLE, text)?;
    if let [0, hash @ ..] = payload.as_slice()
        && hash.len() == 20
    {
        return Some(Address::Text(text.into()));
    }
    let (prefix, rest) = payload.split_first_chunk::<2>()?;
    let (hash, tag) = rest.split_first_chunk::<20>()?;
    (*prefix == x_address && tag.len() == X_TAG_BYTES)
        .then(|| Address::Text(base58::check_encode(Alphabet::RIPPLE, &[0], hash).into()))
}

/// Checks that a text is a public key.
fn solana(text: &str) -> Option<()> {
    (base58::decode(text)?.len() == SOLANA_BYTES).then_some(())
}

/// Writes an account of a venue: addresses of any chain in the form in which they are compared.
fn venue(text: &str) -> Address {
    const CASH: &str = "bitcoincash";
    if text.len() == 42
        && let Some(bytes) = evm(text)
    {
        return Address::Evm(bytes);
    }
    if let Some(decoded) = cash::decode(CASH, text)
        && let Some(text) = cash::encode(CASH, decoded.is_script, &decoded.hash)
    {
        return Address::Text(text.into());
    }
    if bech32::segwit::decode(text).is_ok() {
        return Address::Text(text.to_ascii_lowercase().into());
    }
    Address::Text(lower_if_caseless(text).into())
}
