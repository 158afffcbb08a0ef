//! Accounts as people write them into lists: what is one of a chain, and why another is none.

use super::{
    Naming, TRON_EVM, X_ADDRESS, X_ADDRESS_TEST,
    base58::{self, Alphabet},
    cash, evm,
    payee::Payee,
    solana, tron, xrpl,
};
use crate::{
    decode::json::field::ID_TEXT_BYTES_MAX,
    model::{Address, COINS, Chain, Coin},
};

/// Why an entry of a list names no account of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// It is evidently of another chain: which.
    Foreign(String),
    /// It is of this chain, but no record shows such accounts.
    Hidden,
    /// It is no address of any known kind.
    Unreadable,
}

/// Short names of EVM chains in front of an address (EIP-3770).
const SHORT_NAMES: [(&str, &str); 15] = [
    ("eth", "eip155:1"),
    ("oeth", "eip155:10"),
    ("bnb", "eip155:56"),
    ("matic", "eip155:137"),
    ("pol", "eip155:137"),
    ("base", "eip155:8453"),
    ("arb1", "eip155:42161"),
    ("avax", "eip155:43114"),
    ("gno", "eip155:100"),
    ("zksync", "eip155:324"),
    ("mnt", "eip155:5000"),
    ("celo", "eip155:42220"),
    ("linea", "eip155:59144"),
    ("scr", "eip155:534352"),
    ("sep", "eip155:11155111"),
];
/// Schemes of payment URIs outside of UTXO chains, and the namespaces whose accounts they name.
const SCHEMES: [(&str, &str); 8] = [
    ("ethereum", "eip155"),
    ("eip155", "eip155"),
    ("tron", "tron"),
    ("solana", "solana"),
    ("ripple", "xrpl"),
    ("xrpl", "xrpl"),
    ("xrp", "xrpl"),
    ("monero", "monero"),
];
/// What stands before an account where it is an identity of its own (W3C, `did:pkh`).
const DID: &str = "did:pkh:";
/// Names of chains that lists use beside those of CAIP-2.
const MAIN_NETWORKS: [[&str; 2]; 3] = [
    ["tron:mainnet", "tron:0x2b6653dc"],
    ["solana:mainnet", "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp"],
    ["xrpl:mainnet", "xrpl:0"],
];
/// Digits of Monero addresses: standard and sub-addresses, and those with a payment id.
const MONERO_DIGITS: [usize; 2] = [95, 106];

/// Reads an account as lists write it: in any spelling of its chain, with or without the chain's
/// CAIP-2 id, a payment URI's scheme (BIP 21, ERC-681) or a short name (EIP-3770) before it.
///
/// # Errors
/// Why it is none of this chain.
pub fn parse(text: &str, chain: &Chain) -> Result<Address, Misfit> {
    let text = text.trim();
    let text = text.strip_prefix(DID).unwrap_or(text);
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_plain || text.len() > ID_TEXT_BYTES_MAX + chain.id.len() {
        return Err(Misfit::Unreadable);
    }
    let naming = Naming::of(chain);
    let own = text.strip_prefix(&*chain.id).and_then(|rest| rest.strip_prefix(':'));
    let bare = match (own, naming) {
        (Some(bare), _) => bare,
        // A house's own names may have colons.
        (None, Naming::Venue) => text,
        (None, _) => unprefixed(text, chain)?,
    };
    if bare.len() > ID_TEXT_BYTES_MAX {
        return Err(Misfit::Unreadable);
    }
    if let Some(address) = naming.read(bare) {
        return Ok(address);
    }
    if let Naming::Coin(coin) = naming
        && bech32::decode(bare)
            .is_ok_and(|(prefix, _)| coin.hidden.contains(&&*prefix.to_lowercase()))
    {
        return Err(Misfit::Hidden);
    }
    Err(foreign(bare).map_or(Misfit::Unreadable, |what| Misfit::Foreign(what.to_owned())))
}

/// Returns whether a text is an address of some chain, whichever.
pub fn is_evident(text: &str) -> bool {
    foreign(text.trim()).is_some()
}

/// Takes away what names the chain; refuses what names another one.
fn unprefixed<'a>(text: &'a str, chain: &Chain) -> Result<&'a str, Misfit> {
    let Some((scheme, rest)) = text.split_once(':') else { return Ok(text) };
    let foreign = |what: &str| Err(Misfit::Foreign(what.to_owned()));
    let namespace = chain.id.split(':').next().unwrap_or_default();
    let scheme = scheme.to_ascii_lowercase();
    if let Some((reference, bare)) = rest.split_once(':')
        && is_chain(&scheme, reference)
    {
        let id = format!("{scheme}:{reference}");
        return if is_same(&id, chain) { Ok(bare) } else { foreign(&id) };
    }
    // `//` and ERC-681's `pay-` before, `@chain`, `/function` and `?amount=` behind the address.
    let bare = rest.strip_prefix("//").unwrap_or(rest);
    let bare = bare.strip_prefix("pay-").unwrap_or(bare);
    if let Some((_, rest)) = bare.split_once('@')
        && let Some(id) = rest.split(['?', '/']).next()
        && namespace == "eip155"
        && *chain.id != format!("eip155:{id}")
    {
        return foreign(&format!("eip155:{id}"));
    }
    let bare = bare.split(['?', '@', '/']).next().unwrap_or_default();
    if let Some((_, id)) = SHORT_NAMES.iter().find(|(name, _)| *name == scheme) {
        return if *id == &*chain.id { Ok(bare) } else { foreign(id) };
    }
    if let Some((_, of)) = SCHEMES.iter().find(|(name, _)| *name == scheme) {
        let is_own =
            *of == namespace || *of == "tron" && matches!(Naming::of(chain), Naming::TronEvm);
        return if is_own { Ok(bare) } else { foreign(&scheme) };
    }
    let Some(coin) = COINS.iter().find(|coin| coin.scheme == scheme) else { return Ok(text) };
    match Naming::of(chain) {
        Naming::Coin(own) if own.scheme == scheme => Ok(bare),
        // One key has one account on all chains that share Bitcoin's form.
        Naming::Coin(own) if own.key_hash == [0] && coin.key_hash == [0] => Ok(bare),
        Naming::UnknownCoin => Ok(text),
        _ => foreign(whose(coin)),
    }
}

fn whose(coin: &Coin) -> &'static str {
    if coin.is_test() { "a test network" } else { coin.symbol }
}

/// Returns whether an id means a chain by any of its names.
fn is_same(id: &str, chain: &Chain) -> bool {
    let id = MAIN_NETWORKS.iter().find(|[name, _]| *name == id).map_or(id, |[_, id]| *id);
    let is_twin = |pair: &[&str; 2]| pair.contains(&id) && pair.contains(&&*chain.id);
    let coin = || Coin::of(&Chain::parse(id).ok()?);
    id == &*chain.id
        || TRON_EVM.iter().any(is_twin)
        || coin().is_some_and(|c| Coin::of(chain) == Some(c))
}

/// Returns whether two texts are a chain's namespace and reference (CAIP-2), of any namespace.
fn is_chain(namespace: &str, reference: &str) -> bool {
    let is = |text: &str, more: &str| {
        text.bytes().all(|b| b.is_ascii_alphanumeric() || more.as_bytes().contains(&b))
    };
    (3..=8).contains(&namespace.len())
        && (1..=32).contains(&reference.len())
        && is(namespace, "-")
        && is(reference, "-_")
}

/// Returns whose address a text is, if it is evidently one of some chain.
fn foreign(text: &str) -> Option<&'static str> {
    if evm(text).is_some() {
        return Some("EVM chains");
    }
    if tron(text).is_some() {
        return Some("TRON");
    }
    if xrpl(text, X_ADDRESS).is_some() {
        return Some("the XRP Ledger");
    }
    if xrpl(text, X_ADDRESS_TEST).is_some() {
        return Some("a test network");
    }
    let is_cash = |coin: &&Coin| coin.cash.is_some_and(|p| cash::decode(p, text).is_some());
    if let Some(coin) = COINS.iter().find(is_cash) {
        return Some(whose(coin));
    }
    if let Some(coin) = COINS.iter().find(|coin| Payee::read(text, coin).is_some()) {
        return Some(whose(coin));
    }
    // A version of one or two bytes and a hash; Sprout's two keys.
    let is_version = |payload: Vec<u8>| matches!(payload.len(), 21 | 22 | 66);
    let alphabets = [Alphabet::BITCOIN, Alphabet::RIPPLE];
    if alphabets.iter().any(|a| base58::check_decode(a, text).is_some_and(is_version)) {
        return Some("another UTXO chain");
    }
    if bech32::decode(text).is_ok() {
        return Some("another chain (bech32)");
    }
    // Any 32 bytes are one: another chain's text with a typing mistake has one case.
    let has = |is: fn(&u8) -> bool| text.as_bytes().iter().any(is);
    let is_mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase);
    if is_mixed && solana(text).is_some() {
        return Some("Solana");
    }
    let is_base58 = || base58::decode(text).is_some();
    (MONERO_DIGITS.contains(&text.len()) && text.starts_with(['4', '8']) && is_base58())
        .then_some("Monero")
}
