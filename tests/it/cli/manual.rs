//! The pages of the manual say what the code does.

use std::{collections::BTreeMap, fs, path::Path, process::Command};
use txwarden::{
    manual::{PAGES, page},
    model::{COINS, Coin, HeaderRecipe, TxRecipe},
};

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

/// The README and every page, by path.
fn documents() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = vec!["README.md".to_owned(), "src/ARCHITECTURE.md".to_owned()];
    paths.extend(PAGES.iter().map(|page| format!("src/manual/{}.md", page.name)));
    let read = |path: String| (path.clone(), fs::read_to_string(root.join(path)).unwrap());
    paths.into_iter().map(read).collect()
}

#[test]
fn every_page_is_in_the_table_and_the_readme_names_it() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/manual");
    let mut files: Vec<String> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter_map(|name| Some(name.strip_suffix(".md")?.to_owned()))
        .collect();
    files.sort_unstable();
    let mut names: Vec<&str> = PAGES.iter().map(|page| page.name).collect();
    names.sort_unstable();
    assert_eq!(files, names);
    let documents = documents();
    let readme = &documents[0].1;
    let n_lines = readme.lines().count();
    assert!(n_lines <= 200, "the README has {n_lines} lines");
    for name in names {
        assert!(readme.contains(&format!("(src/manual/{name}.md)")), "the README omits {name}");
    }
}

#[test]
fn links_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut n_links = 0;
    for (path, text) in documents() {
        let dir = root.join(&path).parent().unwrap().to_owned();
        for (at, _) in text.match_indices("](") {
            let target = text[at + 2..].split(')').next().unwrap();
            let file = target.split('#').next().unwrap();
            if target.contains("://") || file.is_empty() {
                continue;
            }
            assert!(dir.join(file).exists(), "{path}: {target} leads nowhere");
            n_links += 1;
        }
    }
    assert!(n_links > 20, "{n_links} links");
}

/// Runs `txwarden … --help` once for each command, for its flags.
fn help(command: &[&str], known: &mut BTreeMap<Vec<String>, String>) -> String {
    let key: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
    let ask = || {
        let mut args = command.to_vec();
        args.push("--help");
        let output = Command::new(env!("CARGO_BIN_EXE_txwarden")).args(args).output().unwrap();
        assert!(output.status.success(), "no command {command:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    known.entry(key).or_insert_with(ask).clone()
}

#[test]
fn commands_and_flags_exist() {
    let mut known = BTreeMap::new();
    let mut n_commands = 0;
    for (path, text) in documents() {
        let blocks = text.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap());
        for line in blocks.flat_map(str::lines) {
            let line = line.trim_start_matches("target/release/");
            let line = line.split([';', '|', '#', '>']).next().unwrap();
            let Some(rest) = line.strip_prefix("txwarden ") else { continue };
            let words: Vec<&str> = rest.split_whitespace().collect();
            let mut command: Vec<&str> = words.iter().copied().take(1).collect();
            let own = help(&command, &mut known);
            if let Some(sub) = words.get(1).filter(|w| own.contains(&format!("\n  {w} "))) {
                command.push(sub);
            }
            let said = help(&command, &mut known);
            for flag in words.iter().filter(|word| word.starts_with('-') && word.len() > 1) {
                let flag = flag.split('=').next().unwrap();
                assert!(said.contains(flag), "{path}: {line}: no flag {flag}");
            }
            n_commands += 1;
        }
    }
    assert!(n_commands > 20, "{n_commands} commands");
}

#[test]
fn the_command_shows_pages_and_helps_with_names() {
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_txwarden"));
        command.arg("manual").args(args).output().unwrap()
    };
    let list = String::from_utf8(run(&[]).stdout).unwrap();
    assert!(PAGES.iter().all(|page| list.contains(page.name) && list.contains(page.about)));
    assert_eq!(run(&["proof"]).stdout, page("proof").unwrap().text.as_bytes());
    let wrong = run(&["prof"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8(wrong.stderr).unwrap().contains("did you mean \"proof\"?"));
}
