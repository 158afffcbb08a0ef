//! Which records stand out of order: those outside a longest increasing run.

/// Returns the positions of the values that have to be taken out to leave an increasing sequence,
/// as few as possible.
///
/// # Source
/// Patience sorting with back pointers (Schensted 1961; Fredman 1975).
///
/// # Cost
/// O(n log n); O(n) when there is nothing to take out.
pub(super) fn displaced(values: &[u64]) -> Vec<usize> {
    if values.is_sorted() {
        return Vec::new();
    }
    // Of each length: the position of the smallest value that ends a run of it.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(values.len());
    for (i, value) in values.iter().enumerate() {
        let n = ends.partition_point(|&end| values[end] < *value);
        before.push(n.checked_sub(1).map(|shorter| ends[shorter]));
        match ends.get_mut(n) {
            Some(end) => *end = i,
            None => ends.push(i),
        }
    }
    let mut is_kept = vec![false; values.len()];
    let mut at = ends.last().copied();
    while let Some(i) = at {
        is_kept[i] = true;
        at = before[i];
    }
    (0..values.len()).filter(|&i| !is_kept[i]).collect()
}

#[cfg(test)]
mod tests {
    use super::displaced;

    #[test]
    fn the_fewest_are_displaced() {
        assert_eq!(displaced(&[1, 2, 3]), Vec::<usize>::new());
        assert_eq!(displaced(&[1, 3, 2, 4]).len(), 1);
        assert_eq!(displaced(&[1, 9, 3, 4, 2, 10]), [1, 4]);
        assert_eq!(displaced(&[5, 1, 2, 3]), [0]);
    }
}
