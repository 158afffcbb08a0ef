//! Objects of a known schema, read in one pass with the help of a [`Guide`].

use super::{JsonFlaw, JsonScanner, Value};
use crate::decode::json::{
    guide::{Guide, SeenKeys},
    keys::{Fields, Keys},
};

impl<'a> JsonScanner<'a, '_> {
    /// Reads an object like [`Self::object`], with a guide that knows which keys to expect.
    ///
    /// `read` reads the value of the field at a position among the names. The guide only helps
    /// with keys that occur once and need no unescaping; on anything else the object is read again
    /// from its start without it, so that there is one judge of keys.
    pub fn fields<const N: usize>(
        &mut self,
        depth: usize,
        guide: &mut Guide,
        fields: &mut Fields<'a, N>,
        mut read: impl FnMut(&mut Self, usize) -> Result<Value<'a>, JsonFlaw>,
    ) -> Result<(), JsonFlaw> {
        let start = self.pos;
        self.descend(depth)?;
        let mut seen = guide.begin(fields.keys());
        self.pos += 1;
        loop {
            let Some(i) = self.guided_key(guide, &mut seen, fields.keys()) else {
                self.pos = start;
                fields.clear();
                return self.object(depth, |hash, key, value| fields.put(hash, key, value));
            };
            if i < N {
                let value = read(self, i)?;
                fields.set(i, value);
            } else {
                self.value(depth + 1)?;
            }
            match self.peek() {
                Some(b',') => self.pos += 1,
                Some(b'}') => break,
                _ => return Err(self.bad("no comma or brace after an object's value")),
            }
        }
        self.pos += 1;
        Ok(())
    }

    /// Reads an array of objects into `rows`, the scanner standing on its `[`.
    ///
    /// When one is no object, `rows` stays empty: the array is then only validated.
    pub fn rows<const N: usize>(
        &mut self,
        depth: usize,
        guide: &mut Guide,
        keys: &'static Keys<N>,
        rows: &mut Vec<Fields<'a, N>>,
    ) -> Result<Value<'a>, JsonFlaw> {
        let start = self.pos;
        rows.clear();
        let mut more = self.open_array(depth)?;
        let mut n = 0;
        while more {
            if self.peek() == Some(b'{') {
                let mut row = Fields::new(keys);
                self.fields(depth + 1, guide, &mut row, |s, _| s.value(depth + 2))?;
                rows.push(row);
            } else {
                self.value(depth + 1)?;
            }
            more = self.next_element(&mut n)?;
        }
        if rows.len() < n {
            rows.clear();
        }
        Ok(Value::Array(&self.bytes[start..self.pos]))
    }

    /// Reads a key, its colon and white space; `None` when that is for [`Self::object`] to judge.
    #[inline]
    fn guided_key<const N: usize>(
        &mut self,
        guide: &mut Guide,
        seen: &mut SeenKeys,
        keys: &Keys<N>,
    ) -> Option<usize> {
        let i = match guide.predict(seen, &self.bytes[self.pos..]) {
            Some((i, n_bytes)) => {
                self.pos += n_bytes;
                i
            }
            None => self.searched_key(guide, seen, keys)?,
        };
        (guide.note(seen, i) && seen.n_keys() <= self.limits.keys_max).then_some(i)
    }

    #[cold]
    fn searched_key<const N: usize>(
        &mut self,
        guide: &mut Guide,
        seen: &SeenKeys,
        keys: &Keys<N>,
    ) -> Option<usize> {
        let start = self.pos;
        if self.peek() != Some(b'"') {
            return None;
        }
        let key = self.text().ok()?;
        let i = guide.find(keys, key)?;
        if self.peek() != Some(b':') {
            return None;
        }
        self.pos += 1;
        self.peek();
        guide.learn(seen, i, &self.bytes[start..self.pos]);
        Some(i)
    }
}
