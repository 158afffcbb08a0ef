//! Accounts have one name: every spelling of a list, a label or a record means the same account.

use txwarden::{
    decode::account::{Misfit, canonical, parse},
    model::Chain,
};

pub const BCH: &str = "bip122:000000000000000000651ef99cb9fcbe";
pub const LTC: &str = "bip122:12a765e31ffd4059bada1e25190f6e98";
const DOGE: &str = "bip122:1a91e3dace36e2be3bf030a65679fe82";
pub const ZEC: &str = "bip122:00040fe8ec8471911baa1db1266ea15d";
pub const BSV: &str = "bip122:000000000000000001d956714215d96f";
const XEC: &str = "bip122:0000000000000000004626ff6e3b9369";
pub const DASH: &str = "bip122:00000ffd590b1485b3caadc19b22e637";
pub const BTG: &str = "bip122:bitcoin-gold";
const DGB: &str = "bip122:7497ea1b465eb39f1c8f507bc877078f";
const NMC: &str = "bip122:000000000062b72c5e2ceb45fbc8587e";
pub const XVG: &str = "bip122:00000fc63692467faeb20cdb3b53200d";
pub const TRON: &str = "tron:0x2b6653dc";
pub const TRON_EVM: &str = "eip155:728126428";
const SOLANA: &str = "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp";
pub const XRPL: &str = "xrpl:0";
const VENUE: &str = "venue:house";

pub fn chain(id: &str) -> Chain {
    Chain::parse(id).unwrap()
}

/// A chain, the one name of an account of it, and other spellings of that account. All hold the
/// hash of the key whose secret is 1.
const SPELLINGS: &[(&str, &str, &[&str])] = &[
    (
        Chain::BITCOIN,
        "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH",
        &[
            "bitcoin:1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH",
            "BITCOIN:1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH?amount=1&label=x",
            "bitcoin://1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH",
            "bip122:000000000019d6689c085ae165831e93:1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH",
            "bitcoincash:qp63uahgrxged4z5jswyt5dn5v3lzsem6cy4spdc2h",
            " 1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH ",
            "BIP122:000000000019d6689c085ae165831e93:1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH",
            "bip122:bitcoin:1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH",
            "ecash:qp63uahgrxged4z5jswyt5dn5v3lzsem6cacy2kzvq",
            // Who is paid by the key is paid under its hash.
            "0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
            "0279BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798",
        ],
    ),
    (
        Chain::BITCOIN,
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        &[
            "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
            "bitcoin:BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
            "BITCOIN:bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4?amount=0.1",
        ],
    ),
    (
        BCH,
        "bitcoincash:qp63uahgrxged4z5jswyt5dn5v3lzsem6cy4spdc2h",
        &[
            "qp63uahgrxged4z5jswyt5dn5v3lzsem6cy4spdc2h",
            "BITCOINCASH:QP63UAHGRXGED4Z5JSWYT5DN5V3LZSEM6CY4SPDC2H",
            "zp63uahgrxged4z5jswyt5dn5v3lzsem6crlrlr74y",
            "bitcoincash:zp63uahgrxged4z5jswyt5dn5v3lzsem6crlrlr74y",
            "bitcoincash:qp63uahgrxged4z5jswyt5dn5v3lzsem6cy4spdc2h?amount=1",
            "ecash:qp63uahgrxged4z5jswyt5dn5v3lzsem6cacy2kzvq",
            "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH",
        ],
    ),
    (
        BCH,
        "bitcoincash:pp63uahgrxged4z5jswyt5dn5v3lzsem6cnsdw2m32",
        &[
            "rp63uahgrxged4z5jswyt5dn5v3lzsem6c567syawe",
            "bitcoincash:rp63uahgrxged4z5jswyt5dn5v3lzsem6c567syawe",
            "3CNHUhP3uyB9EUtRLsmvFUmvGdjGdkTxJw",
        ],
    ),
    (BSV, "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH", &["qp63uahgrxged4z5jswyt5dn5v3lzsem6cy4spdc2h"]),
    (
        XEC,
        "ecash:qp63uahgrxged4z5jswyt5dn5v3lzsem6cacy2kzvq",
        &[
            "qp63uahgrxged4z5jswyt5dn5v3lzsem6cacy2kzvq",
            "ecash:zp63uahgrxged4z5jswyt5dn5v3lzsem6c6jh5cynn",
            "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH",
        ],
    ),
    (
        LTC,
        "MJaRnao1s62a2zAKSkmG582KbLKianqb7v",
        &["3CNHUhP3uyB9EUtRLsmvFUmvGdjGdkTxJw", "litecoin:3CNHUhP3uyB9EUtRLsmvFUmvGdjGdkTxJw"],
    ),
    (
        LTC,
        "ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9",
        &["LTC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KGMN4N9"],
    ),
    (DOGE, "DFpN6QqFfUm3gKNaxN6tNcab1FArL9cZLE", &["dogecoin:DFpN6QqFfUm3gKNaxN6tNcab1FArL9cZLE"]),
    (
        ZEC,
        "t1UYsZVJkLPeMjxEtACvSxfWuNmddpWfxzs",
        &[
            "zcash:t1UYsZVJkLPeMjxEtACvSxfWuNmddpWfxzs?amount=1",
            "tex1w508d6qejxtdg4y5r3zarvary0c5xw7kccm6wm",
        ],
    ),
    (DASH, "XmN7PQYWKn5MJFna5fRYgP6mxT2F7xpekE", &["dash:XmN7PQYWKn5MJFna5fRYgP6mxT2F7xpekE"]),
    (BTG, "btg1qw508d6qejxtdg4y5r3zarvary0c5xw7k6w057a", &[]),
    (DGB, "SXyGazfm6S3xfcySmD6QNkZYmtfysC2jvc", &["3CNHUhP3uyB9EUtRLsmvFUmvGdjGdkTxJw"]),
    (NMC, "N7FdkoPbHSxKfrSVVbRu3NZtrLqc1oKpAR", &["namecoin:N7FdkoPbHSxKfrSVVbRu3NZtrLqc1oKpAR"]),
    (XVG, "DFpN6QqFfUm3gKNaxN6tNcab1FArL9cZLE", &[]),
    (
        Chain::ETHEREUM,
        "0x751e76e8199196d454941c45d1b3a323f1433bd6",
        &[
            "0x751E76E8199196D454941c45d1B3A323F1433BD6",
            "0X751E76E8199196D454941C45D1B3A323F1433BD6",
            "751e76e8199196d454941c45d1b3a323f1433bd6",
            "eip155:1:0x751e76e8199196d454941c45d1b3a323f1433bd6",
            "ethereum:0x751e76e8199196d454941c45d1b3a323f1433bd6@1?value=1e18",
            "ethereum:pay-0x751e76e8199196d454941c45d1b3a323f1433bd6",
            "eth:0x751e76e8199196d454941c45d1b3a323f1433bd6",
            "XDC751e76e8199196d454941c45d1b3a323f1433bd6",
            "EIP155:1:0x751e76e8199196d454941c45d1b3a323f1433bd6",
            "eip155:0x751e76e8199196d454941c45d1b3a323f1433bd6",
            "did:pkh:eip155:1:0x751e76e8199196d454941c45d1b3a323f1433bd6",
            "xdc751e76e8199196d454941c45d1b3a323f1433bd6",
        ],
    ),
    (
        TRON,
        "TLeUZDGLWnyiJVFcp3m3M1782uBsGWa8uf",
        &[
            "41751e76e8199196d454941c45d1b3a323f1433bd6",
            "0x41751e76e8199196d454941c45d1b3a323f1433bd6",
            "0x751e76e8199196d454941c45d1b3a323f1433bd6",
            "tron:TLeUZDGLWnyiJVFcp3m3M1782uBsGWa8uf",
            "tron:0x2b6653dc:TLeUZDGLWnyiJVFcp3m3M1782uBsGWa8uf",
            "tron:mainnet:TLeUZDGLWnyiJVFcp3m3M1782uBsGWa8uf",
            "eip155:728126428:0x751e76e8199196d454941c45d1b3a323f1433bd6",
        ],
    ),
    (
        TRON_EVM,
        "0x751e76e8199196d454941c45d1b3a323f1433bd6",
        &[
            "TLeUZDGLWnyiJVFcp3m3M1782uBsGWa8uf",
            "41751e76e8199196d454941c45d1b3a323f1433bd6",
            "0x41751E76e8199196d454941c45d1b3a323f1433bd6",
            "tron:TLeUZDGLWnyiJVFcp3m3M1782uBsGWa8uf",
            "tron:0x2b6653dc:TLeUZDGLWnyiJVFcp3m3M1782uBsGWa8uf",
        ],
    ),
    (
        XRPL,
        "rBgGZ9tc4him9KBzD8fKFiQz3fSZpaSwMH",
        &[
            "XVhLjQePBhtPRN5YjpjeZQtfYp3m5Vgh4GKJ2UWCkPXB7NM",
            "XVhLjQePBhtPRN5YjpjeZQtfYp3m5Vmy9uNPxzZdNrZpMdP",
            "rBgGZ9tc4him9KBzD8fKFiQz3fSZpaSwMH?dt=7",
            "rBgGZ9tc4him9KBzD8fKFiQz3fSZpaSwMH:7",
            "ripple:rBgGZ9tc4him9KBzD8fKFiQz3fSZpaSwMH",
            "xrpl:0:rBgGZ9tc4him9KBzD8fKFiQz3fSZpaSwMH",
        ],
    ),
    (
        SOLANA,
        "9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM",
        &[
            "solana:9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM",
            "solana:mainnet:9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM",
            "solana:5eykt4UsFv8P8NJdTREpY1vzqKqZKvdp:9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM",
        ],
    ),
    (VENUE, "account:u-7", &["venue:house:account:u-7"]),
    (
        VENUE,
        "0x751e76e8199196d454941c45d1b3a323f1433bd6",
        &["0x751E76E8199196D454941c45d1B3A323F1433BD6"],
    ),
    (
        VENUE,
        "bitcoincash:qp63uahgrxged4z5jswyt5dn5v3lzsem6cy4spdc2h",
        &["qp63uahgrxged4z5jswyt5dn5v3lzsem6cy4spdc2h"],
    ),
    ("bip122:nothing-is-known", "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH", &[]),
];

#[test]
fn every_spelling_of_an_account_is_the_account() {
    for (id, name, others) in SPELLINGS {
        let chain = chain(id);
        let of_record = canonical(name, &chain);
        assert_eq!(of_record.to_string(), *name, "{id}: a record names it so");
        for text in others.iter().chain([name]) {
            let read = parse(text, &chain);
            assert_eq!(read.as_ref(), Ok(&of_record), "{id}: {text}");
            // Records name no chains, amounts and schemes.
            let is_bare = !text.contains([':', ' ']) || text.contains("cash:");
            if is_bare && !text.contains('?') && !text.starts_with("xdc") {
                assert_eq!(canonical(text, &chain), of_record, "{id}: {text} in a record");
            }
        }
    }
}

/// What is no account of a chain: of another, of none that records show, or of nobody.
#[test]
fn what_is_no_account_is_told_apart() {
    let of = |whose: &str| Misfit::Foreign(whose.to_owned());
    for (id, text, expected) in [
        (Chain::ETHEREUM, "0xdeadbeef", Misfit::Unreadable),
        (Chain::ETHEREUM, "0x751e76e8199196d454941c45d1b3a323f1433bdg", Misfit::Unreadable),
        (Chain::ETHEREUM, "", Misfit::Unreadable),
        (Chain::ETHEREUM, "hot wallet", Misfit::Unreadable),
        (Chain::ETHEREUM, "vitalik.eth", Misfit::Unreadable),
        (
            Chain::ETHEREUM,
            "ethereum:0x751e76e8199196d454941c45d1b3a323f1433bd6@137",
            of("eip155:137"),
        ),
        (Chain::ETHEREUM, "ecash:qp63uahgrxged4z5jswyt5dn5v3lzsem6cacy2kzvq", of("XEC")),
        // 43 digits of base58 in one case are no key of Solana, but a mistyped address.
        (Chain::ETHEREUM, "dgb1qw5q8d6qejxtdg4y5r3zarvary9c5xw7kf9q9zx", Misfit::Unreadable),
        (Chain::BITCOIN, "script:xyz", Misfit::Unreadable),
        (XRPL, "TVd2rqMkYL2AyS97NdELcpeiprNBjwLZzuUG5rZnaewsahi", of("a test network")),
        (Chain::ETHEREUM, "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH", of("BTC")),
        (Chain::ETHEREUM, "TLeUZDGLWnyiJVFcp3m3M1782uBsGWa8uf", of("TRON")),
        (Chain::ETHEREUM, "rBgGZ9tc4him9KBzD8fKFiQz3fSZpaSwMH", of("the XRP Ledger")),
        (Chain::ETHEREUM, "eip155:56:0x751e76e8199196d454941c45d1b3a323f1433bd6", of("eip155:56")),
        (Chain::ETHEREUM, "bnb:0x751e76e8199196d454941c45d1b3a323f1433bd6", of("eip155:56")),
        (
            Chain::ETHEREUM,
            "cosmos1w508d6qejxtdg4y5r3zarvary0c5xw7k6ah60c",
            of("another chain (bech32)"),
        ),
        (Chain::ETHEREUM, "9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM", of("Solana")),
        // One digit is another one: the checksum tells.
        (Chain::BITCOIN, "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMJ", Misfit::Unreadable),
        (Chain::BITCOIN, "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t5", Misfit::Unreadable),
        (Chain::BITCOIN, "litecoin:MJaRnao1s62a2zAKSkmG582KbLKianqb7v", of("LTC")),
        (Chain::BITCOIN, "LVuDpNCSSj6pQ7t9Pv6d6sUkLKoqDEVUnJ", of("LTC")),
        (Chain::BITCOIN, "0x751e76e8199196d454941c45d1b3a323f1433bd6", of("EVM chains")),
        (Chain::BITCOIN, "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx", of("a test network")),
        (BCH, "bitcoincash:qp63uahgrxged4z5jswyt5dn5v3lzsem6cy4spdc2q", Misfit::Unreadable),
        (BCH, "bchtest:qp63uahgrxged4z5jswyt5dn5v3lzsem6cq85x00dt", of("a test network")),
        (BCH, "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", of("BTC")),
        (
            ZEC,
            "zs1w508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kw508v50cqcq",
            Misfit::Hidden,
        ),
        (
            LTC,
            "ltcmweb1qw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxtdg4y5r3zarvary0c5xw7kw508d6qejxt\
             dg4y5r3zarvary0c5xw7kw508d6qejydr32aj",
            Misfit::Hidden,
        ),
        (TRON, "TLeUZDGLWnyiJVFcp3m3M1782uBsGWa8ug", Misfit::Unreadable),
        (XRPL, "rBgGZ9tc4him9KBzD8fKFiQz3fSZpaSwMJ", Misfit::Unreadable),
        (SOLANA, "9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL", Misfit::Unreadable),
        (VENUE, "two words", Misfit::Unreadable),
    ] {
        assert_eq!(parse(text, &chain(id)), Err(expected), "{id}: {text:?}");
    }
}
