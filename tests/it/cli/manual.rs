//! The pages of the manual say what the code does.

use std::{fs, path::Path};
use txwarden::model::{COINS, Coin, HeaderRecipe, TxRecipe};

/// The row of a network as the page of UTXO chains shows it, without its name.
fn row(coin: &Coin) -> String {
    let hex = |version: &[u8]| version.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let base58 = |scripts: &[&[u8]]| {
        let scripts: Vec<String> = scripts.iter().map(|script| hex(script)).collect();
        format!("base58 {}, {}", hex(coin.key_hash), scripts.join(", "))
    };
    let has_tokens = coin.cash.is_some();
    let (accounts, others) = match (coin.cash, coin.segwit) {
        (Some(prefix), _) => {
            let others = format!("bare; token-aware `z`, `r`; {}", base58(coin.script_hash));
            (format!("`{prefix}:`"), others)
        }
        (None, segwit) => {
            let segwit = segwit.map(|prefix| format!("; `{prefix}1`")).unwrap_or_default();
            let others = match coin.script_hash {
                [_, old] => format!("base58 {}", hex(old)),
                _ if coin.key_hash == [0] => "CashAddr `bitcoincash:`".to_owned(),
                _ if coin.symbol == "ZEC" => "`tex1`".to_owned(),
                _ => String::new(),
            };
            (base58(&coin.script_hash[..1]) + &segwit, others)
        }
    };
    let header = match coin.header {
        HeaderRecipe::Plain => "SHA-256d, 80 bytes",
        HeaderRecipe::Merged => "SHA-256d, 80 bytes, AuxPoW behind",
        HeaderRecipe::Other => "as said",
    };
    let tx = match coin.tx {
        TxRecipe::Bitcoin if has_tokens => "Bitcoin, tokens before scripts",
        TxRecipe::Bitcoin => "Bitcoin",
        TxRecipe::Mweb => "Bitcoin, extension flag",
        TxRecipe::Special => "Bitcoin, payload of special types",
        TxRecipe::Other => "as said",
    };
    let references: Vec<String> = coin.references.iter().map(|r| format!("`{r}`")).collect();
    let coins = coin.money_max / 10_u64.pow(coin.decimals.into());
    let work = if coin.has_own_work { "checked" } else { "not checked" };
    let cells = [
        references.join(", "),
        coin.symbol.to_owned(),
        coin.decimals.to_string(),
        coins.to_string(),
        accounts,
        others,
        header.to_owned(),
        tx.to_owned(),
        work.to_owned(),
        coin.hides.as_str().to_owned(),
    ];
    cells.iter().map(|cell| format!("| {cell} ")).collect::<String>().replace("  ", " ") + "|"
}

#[test]
fn the_page_of_utxo_chains_shows_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manual/chains-utxo.md");
    let text = fs::read_to_string(path).unwrap();
    let rows: Vec<&str> = text.lines().filter(|line| line.contains("| `")).collect();
    let coins: Vec<&Coin> = COINS.iter().filter(|coin| !coin.is_test()).collect();
    assert!(coins.len() >= 10);
    assert_eq!(rows.len(), coins.len());
    for (line, coin) in rows.iter().zip(coins) {
        assert!(line.ends_with(&row(coin)), "{line}\n{}", row(coin));
    }
}
