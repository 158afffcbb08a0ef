//! A file of the tree, and views of its text without comments, strings and tests.

use std::{fs, path::Path};

/// One text file, by its path from the repository's root.
#[derive(Clone, Debug)]
pub struct Source {
    pub path: String,
    pub text: String,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// The module of the crate the file belongs to: `detect` for `src/detect/rules/x.rs`.
    pub fn module(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?.strip_suffix(".rs")?;
        Some(inside.split('/').next().unwrap_or(inside))
    }

    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The code alone: no comments, no text inside literals, no `#[cfg(test)]` items.
    pub fn code(&self) -> String {
        without_tests(&strip(&self.text, true))
    }

    /// The text with literals emptied and comments kept: what the width of a line is about.
    pub fn without_literals(&self) -> String {
        strip(&self.text, false)
    }
}

/// Reads every text file below `root`, hidden ones included, build output and history not.
pub fn read_tree(root: &Path) -> Vec<Source> {
    let mut out = Vec::new();
    let mut left = vec![root.to_path_buf()];
    while let Some(folder) = left.pop() {
        let mut entries: Vec<_> = fs::read_dir(&folder).unwrap().map(|e| e.unwrap()).collect();
        entries.sort_by_key(|e| e.file_name());
        for entry in entries {
            let path = entry.path();
            let name = entry.file_name();
            if name == ".git" || name == "target" {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                left.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                let path = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
                out.push(Source { path, text });
            }
        }
    }
    out
}

/// Empties string and character literals; with `is_dropping_comments` comments too.
fn strip(text: &str, is_dropping_comments: bool) -> String {
    let (mut out, mut i) = (String::with_capacity(text.len()), 0);
    let chars: Vec<char> = text.chars().collect();
    let is_ident = |c: char| c.is_alphanumeric() || c == '_';
    while i < chars.len() {
        let (c, next) = (chars[i], chars.get(i + 1).copied().unwrap_or(' '));
        i = match (c, next) {
            ('/', '/') => {
                let end = (i..chars.len()).find(|j| chars[*j] == '\n').unwrap_or(chars.len());
                if !is_dropping_comments {
                    out.extend(&chars[i..end]);
                }
                end
            }
            ('r', '"' | '#') if i == 0 || !is_ident(chars[i - 1]) => match raw_string(&chars, i) {
                Some(end) => keep_lines(&chars, i, end, &mut out),
                None => keep_char(c, &mut out, i),
            },
            ('"', _) => keep_lines(&chars, i, string(&chars, i), &mut out),
            ('\'', '\\') => (i + 3..chars.len()).find(|j| chars[*j] == '\'').map_or(i, |j| j) + 1,
            ('\'', _) if chars.get(i + 2) == Some(&'\'') => i + 3,
            _ => keep_char(c, &mut out, i),
        };
    }
    out
}

fn keep_char(c: char, out: &mut String, at: usize) -> usize {
    out.push(c);
    at + 1
}

/// Keeps quotes and line breaks of a literal, returns its end.
fn keep_lines(chars: &[char], start: usize, end: usize, out: &mut String) -> usize {
    out.push('"');
    out.extend(chars[start..end].iter().filter(|c| **c == '\n'));
    out.push('"');
    end
}

fn string(chars: &[char], start: usize) -> usize {
    let mut i = start + 1;
    while i < chars.len() && chars[i] != '"' {
        i += if chars[i] == '\\' { 2 } else { 1 };
    }
    (i + 1).min(chars.len())
}

fn raw_string(chars: &[char], start: usize) -> Option<usize> {
    let n_hashes = chars[start + 1..].iter().take_while(|c| **c == '#').count();
    if chars.get(start + 1 + n_hashes) != Some(&'"') {
        return None;
    }
    let is_end = |i: usize| {
        chars[i] == '"' && chars[i + 1..].iter().take_while(|c| **c == '#').count() >= n_hashes
    };
    (start + 2 + n_hashes..chars.len()).find(|i| is_end(*i)).map(|i| i + 1 + n_hashes)
}

/// Blanks `#[cfg(test)]` items, brackets balanced.
fn without_tests(code: &str) -> String {
    let (mut out, mut rest) = (String::new(), code);
    while let Some(at) = rest.find("#[cfg(test)]") {
        out.push_str(&rest[..at]);
        let item = &rest[at..];
        let end = block_end(item).unwrap_or(item.len());
        out.extend(item[..end].chars().filter(|c| *c == '\n'));
        rest = &item[end..];
    }
    out.push_str(rest);
    out
}

/// The end of the first braced block (or of the item, where `;` comes first).
pub fn block_end(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (i, c) in text.char_indices() {
        match c {
            ';' if depth == 0 => return Some(i + 1),
            '{' => depth += 1,
            '}' if depth == 1 => return Some(i + 1),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}
