//! The field names of a format as a compile-time hash table, and the values found under them.

use super::{Value, text::key_hash};

/// Slots of the table: twice the largest format's fields, so that probes stay short.
const N_SLOTS: usize = 256;
const EMPTY: u8 = u8::MAX;

/// The names of `N` fields, found by hash.
pub(in crate::decode) struct Keys<const N: usize> {
    pub names: [&'static str; N],
    slots: [u8; N_SLOTS],
}

impl<const N: usize> Keys<N> {
    /// Builds the table; `N` must leave half of the slots empty.
    pub const fn new(names: [&'static str; N]) -> Self {
        assert!(N * 2 <= N_SLOTS);
        let mut slots = [EMPTY; N_SLOTS];
        let mut i = 0;
        while i < N {
            let mut slot = key_hash(names[i].as_bytes()) as usize % N_SLOTS;
            while slots[slot] != EMPTY {
                slot = (slot + 1) % N_SLOTS;
            }
            slots[slot] = i as u8;
            i += 1;
        }
        Self { names, slots }
    }

    /// Returns the position of a key among the names; `hash` is its [`key_hash`].
    #[inline]
    pub fn find(&self, hash: u64, key: &[u8]) -> Option<usize> {
        let mut slot = hash as usize % N_SLOTS;
        loop {
            let i = self.slots[slot];
            if i == EMPTY {
                return None;
            }
            if self.names[usize::from(i)].as_bytes() == key {
                return Some(usize::from(i));
            }
            slot = (slot + 1) % N_SLOTS;
        }
    }
}

/// The values of one object under known names; absent ones are null.
pub(in crate::decode) struct Fields<'a, const N: usize> {
    keys: &'static Keys<N>,
    values: [Value<'a>; N],
}

/// One field with its name, for messages.
#[derive(Clone, Copy)]
pub(in crate::decode) struct Field<'a> {
    pub name: &'static str,
    pub value: Value<'a>,
}

impl<'a, const N: usize> Fields<'a, N> {
    /// Makes a set without any value.
    pub fn new(keys: &'static Keys<N>) -> Self {
        Self { keys, values: [Value::Null; N] }
    }

    /// Returns the names.
    #[inline]
    pub fn keys(&self) -> &'static Keys<N> {
        self.keys
    }

    /// Forgets all values.
    pub fn clear(&mut self) {
        self.values = [Value::Null; N];
    }

    /// Keeps the value of the field at a position among the names.
    #[inline]
    pub fn set(&mut self, i: usize, value: Value<'a>) {
        self.values[i] = value;
    }

    /// Keeps a value if its name is known.
    #[inline]
    pub fn put(&mut self, hash: u64, key: &[u8], value: Value<'a>) {
        if let Some(i) = self.keys.find(hash, key) {
            self.values[i] = value;
        }
    }

    /// Returns the field at a position among the names.
    #[inline]
    pub fn at(&self, i: usize) -> Field<'a> {
        Field { name: self.keys.names[i], value: self.values[i] }
    }

    /// Returns whether a field is neither absent nor null.
    pub fn has(&self, i: usize) -> bool {
        !matches!(self.values[i], Value::Null)
    }
}
