//! How alerts look to people: short addresses, wrapped sentences, colour on a terminal only.

use crate::model::Severity;
use std::io::IsTerminal;

/// Words longer than this are addresses and hashes, and are shortened.
const WORD_MAX: usize = 24;

/// Returns whether standard output is a terminal: files and pipes get no colour.
pub(super) fn is_coloured() -> bool {
    std::io::stdout().is_terminal()
}

/// Returns a severity in upper case and of one width, in its colour.
pub(super) fn severity(severity: Severity, is_coloured: bool) -> String {
    let colour = match severity {
        Severity::Critical => "1;31",
        Severity::High => "31",
        Severity::Medium => "33",
        Severity::Low => "36",
        Severity::Info => "2",
    };
    paint(&format!("{:<8}", severity.as_str().to_uppercase()), colour, is_coloured)
}

/// Puts a text into a colour, by its number in ECMA-48.
pub(super) fn paint(text: &str, colour: &str, is_coloured: bool) -> String {
    if is_coloured { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
}

/// Cuts the middle out of addresses and hashes: the ends are what people compare.
pub(super) fn shorten(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        let core = word.trim_end_matches(['.', ',', ';', ':', ')']);
        let is_id = core.len() > WORD_MAX && core.bytes().all(|b| b.is_ascii_alphanumeric());
        if !is_id {
            return word.to_owned();
        }
        let (head, tail) = (&core[..10], &core[core.len() - 6..]);
        format!("{head}…{tail}{}", &word[core.len()..])
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Breaks a text between words into lines of at most `width` characters, each with an indent.
pub(super) fn wrap(text: &str, indent: &str, width: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    for word in text.split_whitespace() {
        let n = word.chars().count();
        if used == 0 {
            out.push_str(indent);
        } else if used + 1 + n > width {
            out.push('\n');
            out.push_str(indent);
            used = 0;
        } else {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += n;
    }
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lose_their_middle_and_nothing_else_does() {
        let text = "0xe434e565db6619c0df8bf60ff492b55ec6cec24d, about 10 ETH (unconfirmed).";
        assert_eq!(shorten(text), "0xe434e565…cec24d, about 10 ETH (unconfirmed).");
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrap("a bb ccc dd", "  ", 6), "  a bb\n  ccc dd\n");
        assert_eq!(wrap("abcdefgh i", "", 4), "abcdefgh\ni\n");
        assert_eq!(severity(Severity::Low, false), "LOW     ");
    }
}
