//! Words, numbers, texts and signs of a `.proto`.

/// One token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A name, also with dots in it or in front.
    Word(String),
    Number(i64),
    /// What is between quotes, as it is written.
    Quoted(String),
    Sign(char),
}

/// Splits a text into tokens; comments are none. An error says what cannot be.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, &'static str> {
    let (bytes, mut at, mut out) = (text.as_bytes(), 0, Vec::new());
    while let Some(&byte) = bytes.get(at) {
        let rest = &bytes[at..];
        if byte.is_ascii_whitespace() {
            at += 1;
        } else if rest.starts_with(b"//") {
            at += memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        } else if rest.starts_with(b"/*") {
            let end = memchr::memmem::find(rest, b"*/").ok_or("a comment that does not end")?;
            at += end + 2;
        } else if matches!(byte, b'"' | b'\'') {
            let n = quoted(&rest[1..], byte).ok_or("a text that does not end")?;
            out.push(Token::Quoted(String::from_utf8_lossy(&rest[1..=n]).into_owned()));
            at += n + 2;
        } else if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.') {
            let is_part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.');
            let n = rest.iter().position(|b| !is_part(b)).unwrap_or(rest.len());
            let word = String::from_utf8_lossy(&rest[..n]).into_owned();
            out.push(if byte.is_ascii_digit() { number(&word) } else { Token::Word(word) });
            at += n;
        } else if byte.is_ascii() {
            out.push(Token::Sign(char::from(byte)));
            at += 1;
        } else {
            return Err("a sign that is no ASCII");
        }
    }
    Ok(out)
}

/// Returns where a quoted text ends.
fn quoted(bytes: &[u8], quote: u8) -> Option<usize> {
    let mut at = 0;
    loop {
        match *bytes.get(at)? {
            b'\\' => at += 2,
            byte if byte == quote => return Some(at),
            _ => at += 1,
        }
    }
}

fn number(word: &str) -> Token {
    let hex = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X"));
    let read = match hex {
        Some(digits) => i64::from_str_radix(digits, 16),
        None if word.len() > 1 && word.starts_with('0') => i64::from_str_radix(word, 8),
        None => word.parse(),
    };
    // A float can only be a default or an option, and those are stepped over.
    read.map_or_else(|_| Token::Word(word.to_owned()), Token::Number)
}
