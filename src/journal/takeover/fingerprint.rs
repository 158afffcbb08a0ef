//! A short hash of the record folded last: another log at the same offsets has another one.

use crate::{audit::short_hash, model::Record};

/// The part of a record's value that is hashed: enough to tell two logs apart.
const VALUE_BYTES_MAX: usize = 4 << 10;

/// The part of a record's key that is hashed.
const KEY_BYTES_MAX: usize = 256;

/// What is kept of the record folded last. Noting is a copy of at most 4.3 KB; hashing waits for
/// the end of the batch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastRecord {
    is_known: bool,
    bytes: Vec<u8>,
}

impl LastRecord {
    /// Keeps a record in place of the one before.
    pub fn note(&mut self, record: &Record<'_>) {
        self.is_known = true;
        self.bytes.clear();
        self.bytes.extend_from_slice(&record.offset.to_le_bytes());
        self.bytes.extend_from_slice(&record.kafka_ms.unwrap_or(-1).to_le_bytes());
        for (part, bytes_max) in [(record.key, KEY_BYTES_MAX), (record.value, VALUE_BYTES_MAX)] {
            let n = part.map_or(-1, |bytes| bytes.len() as i64);
            self.bytes.extend_from_slice(&n.to_le_bytes());
            let bytes = part.unwrap_or_default();
            self.bytes.extend_from_slice(&bytes[..bytes.len().min(bytes_max)]);
        }
    }

    /// Returns whether a record was noted.
    pub fn is_known(&self) -> bool {
        self.is_known
    }

    /// Returns the hash as 16 hex digits; `None` before the first record.
    pub fn fingerprint(&self) -> Option<String> {
        self.is_known.then(|| short_hash(&self.bytes))
    }

    /// Returns the fingerprint of a record.
    pub fn of(record: &Record<'_>) -> Option<String> {
        let mut last = Self::default();
        last.note(record);
        last.fingerprint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_counts() {
        let long = vec![b'v'; 9_000];
        let record = Record { offset: 7, value: Some(&long), ..Record::default() };
        let others = [
            Record { offset: 8, ..record },
            Record { kafka_ms: Some(5), ..record },
            Record { key: Some(b""), ..record },
            Record { value: Some(&long[..8_999]), ..record },
            Record { value: None, ..record },
        ];
        let ours = LastRecord::of(&record);
        assert!(ours.is_some());
        assert_eq!(LastRecord::of(&record), ours);
        assert!(others.iter().all(|other| LastRecord::of(other) != ours));
        assert_eq!(LastRecord::default().fingerprint(), None);
    }
}
