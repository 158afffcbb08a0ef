//! What becomes of the entries of a list: accounts of the chain, of another one, or mistakes.

use crate::{
    decode::account::{self, Misfit},
    model::{Address, Chain, Coin},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// Mistakes of one list that are told one by one.
const MISTAKES_MAX: usize = 20;
/// Ends of names that stand for accounts: ENS and its kind.
const NAME_ENDS: [&str; 4] = [".eth", ".sol", ".crypto", ".bnb"];
/// Lines that a note names.
const LINES_MAX: usize = 5;

/// One entry, and where it stands.
pub(super) struct ListEntry<'a> {
    pub address: &'a str,
    /// The asset or chain that the list says it is of.
    pub asset: Option<&'a str>,
    pub line: &'a dyn Fn() -> usize,
}

/// Counts what the entries of one list are.
#[derive(Debug, Default)]
pub(super) struct EntryTally {
    file: String,
    hint: &'static str,
    n: usize,
    /// Entries of other chains, by whose they are.
    foreign: BTreeMap<String, usize>,
    n_hidden: usize,
    n_without: usize,
    /// Where the case of an address's letters is not that of its digits.
    doubtful: Vec<usize>,
    /// Where an account stands again.
    repeated: Vec<usize>,
    seen: BTreeSet<Address>,
    mistakes: Vec<String>,
    n_mistakes: usize,
}

impl EntryTally {
    /// Starts a list; `hint` is the advice about entries that are no accounts.
    pub(super) fn new(path: &Path, hint: &'static str) -> Self {
        Self { file: path.display().to_string(), hint, ..Self::default() }
    }

    /// Reads an entry; `None` when it is no account of this chain, which is counted.
    pub(super) fn read(&mut self, entry: &ListEntry<'_>, chain: &Chain) -> Option<Address> {
        self.n += 1;
        let text = entry.address.trim();
        match account::parse(text, chain) {
            Ok(address) => {
                if account::contradicts_its_case(text, chain) {
                    self.doubtful.push((entry.line)());
                }
                if !self.seen.insert(address.clone()) {
                    self.repeated.push((entry.line)());
                }
                return Some(address);
            }
            Err(Misfit::Foreign(whose)) => *self.foreign.entry(whose).or_default() += 1,
            Err(Misfit::Hidden) => self.n_hidden += 1,
            Err(Misfit::Unreadable) => match entry.asset.map(str::trim) {
                Some(asset) if !asset.is_empty() && !names(asset, chain) => {
                    *self.foreign.entry(asset.to_owned()).or_default() += 1;
                }
                // Lists of incidents have rows without an account.
                _ if text.is_empty() => self.n_without += 1,
                _ => self.complain(entry, chain),
            },
        }
        None
    }

    fn complain(&mut self, entry: &ListEntry<'_>, chain: &Chain) {
        self.n_mistakes += 1;
        if self.n_mistakes <= MISTAKES_MAX {
            let (file, line) = (&self.file, (entry.line)());
            let text = entry.address;
            let is_name = NAME_ENDS.iter().any(|end| text.trim().ends_with(end));
            let hint =
                if is_name { "names are not resolved: write the address" } else { self.hint };
            self.mistakes.push(format!(
                "{file}:{line}: {text:?} is no account of {chain}, and of no other chain that is \
                 known ({hint})"
            ));
        }
    }

    /// Ends a list.
    ///
    /// # Errors
    /// The entries that are no accounts at all.
    pub(super) fn end(mut self) -> Result<Self, Vec<String>> {
        if self.n > 0 && self.n_without == self.n {
            return Err(vec![format!("{}: none of {} entries has an address", self.file, self.n)]);
        }
        if self.mistakes.is_empty() {
            return Ok(self);
        }
        if let Some(n) = self.n_mistakes.checked_sub(MISTAKES_MAX).filter(|n| *n > 0) {
            self.mistakes.push(format!("{}: and {n} more such entries", self.file));
        }
        Err(self.mistakes)
    }

    /// Says what an operator would not guess: what was left out, and what may be a mistake.
    pub(super) fn notes(&self) -> Vec<String> {
        let file = &self.file;
        let mut notes = Vec::from_iter(self.left_out());
        if self.n == 0 {
            notes.push(format!("{file}: holds no entries"));
        }
        if let Some(lines) = lines(&self.doubtful) {
            notes.push(format!(
                "{file}: {lines}: upper and lower case are not those of the digits (EIP-55): read, \
                 but one may be a typing mistake"
            ));
        }
        if let Some(lines) = lines(&self.repeated) {
            notes.push(format!("{file}: {lines}: the account stands in the list before"));
        }
        notes
    }

    fn left_out(&self) -> Option<String> {
        let mut parts = Vec::new();
        let n_foreign: usize = self.foreign.values().sum();
        if n_foreign > 0 {
            let whose: Vec<String> =
                self.foreign.iter().map(|(whose, n)| format!("{n} of {whose}")).collect();
            parts.push(format!("{n_foreign} are accounts of other chains ({})", whose.join(", ")));
        }
        if self.n_hidden > 0 {
            parts.push(format!("{} are addresses that no record shows", self.n_hidden));
        }
        if self.n_without > 0 {
            parts.push(format!("{} have no address", self.n_without));
        }
        let (file, n) = (&self.file, self.n);
        (!parts.is_empty())
            .then(|| format!("{file}: of {n} entries {}: left out", parts.join(", ")))
    }
}

/// Names some lines, and how many more there are.
fn lines(all: &[usize]) -> Option<String> {
    let (shown, more) = all.split_at(all.len().min(LINES_MAX));
    let shown: Vec<String> = shown.iter().map(usize::to_string).collect();
    let word = if all.len() == 1 { "line" } else { "lines" };
    let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
    (!all.is_empty()).then(|| format!("{word} {}{more}", shown.join(", ")))
}

/// Returns whether a list's word for an asset or a chain means this one.
fn names(asset: &str, chain: &Chain) -> bool {
    let is = |name: &str| name.eq_ignore_ascii_case(asset);
    let namespace = chain.id.split(':').next().unwrap_or_default();
    is(&chain.native.symbol)
        || is(&chain.id)
        || is(namespace)
        || is("ethereum") && &*chain.id == Chain::ETHEREUM
        || Coin::of(chain).is_some_and(|coin| coin.is_named(asset))
}
