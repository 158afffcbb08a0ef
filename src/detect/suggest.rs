//! The nearest known name to a misspelt one, for "did you mean" in errors.

/// Returns the candidate nearest to `name`, when it is near enough to be what was meant.
///
/// Near enough is an edit distance of at most a third of the name's length (at least 2), and a
/// name that is the start of one candidate only counts as near.
///
/// # Cost
/// O(candidates × length²); names are cut at 64 bytes.
pub fn nearest<'a>(
    name: &str,
    candidates: impl Iterator<Item = &'a str> + Clone,
) -> Option<&'a str> {
    const NAME_BYTES_MAX: usize = 64; // Twice the longest name in any table.
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return None;
    }
    let tolerance = (name.len() / 3).max(2);
    candidates
        .map(|c| (distance(name.as_bytes(), c.as_bytes()), c))
        .filter(|(d, c)| *d <= tolerance || c.starts_with(name))
        .min_by_key(|(d, c)| (*d, *c))
        .map(|(_, c)| c)
}

/// Returns the edit distance (insert, delete, substitute) of two short names.
fn distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_what_was_meant_and_nothing_far_off() {
        let ids = ["fan_in", "fan_out", "peel_chain"].iter().copied();
        assert_eq!(nearest("peal_chain", ids.clone()), Some("peel_chain"));
        assert_eq!(nearest("fanout", ids.clone()), Some("fan_out"));
        assert_eq!(nearest("peel", ids.clone()), Some("peel_chain"));
        assert_eq!(nearest("sandwich", ids.clone()), None);
        assert_eq!(nearest("", ids), None);
    }
}
