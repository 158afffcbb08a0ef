//! The scanner accepts exactly what `serde_json` accepts, less what it says that it refuses.

use super::*;
use crate::decode::json::{
    guide::Guide,
    keys::{Fields, Keys},
};
use proptest::{collection::vec, prelude::*};
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::{cell::Cell, collections::BTreeSet, fmt};

/// Walks any value with `serde_json` and notes whether an object had a key twice.
#[derive(Clone, Copy)]
struct Walk<'c>(&'c Cell<bool>);

impl<'de> serde::de::DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut keys = BTreeSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if !keys.insert(key) {
                self.0.set(true);
            }
            map.next_value_seed(self)?;
        }
        Ok(())
    }
}

/// Returns what `serde_json` says; `None` where it refuses a float that is merely too large.
fn expected(text: &str) -> Option<Result<(), Reason>> {
    let is_repeated = Cell::new(false);
    let mut d = serde_json::Deserializer::from_str(text);
    let seed = Walk(&is_repeated);
    let read = serde::de::DeserializeSeed::deserialize(seed, &mut d).and_then(|()| d.end());
    match read {
        Ok(()) if is_repeated.get() => Some(Err(Reason::DuplicateKey)),
        Ok(()) => Some(Ok(())),
        Err(e) if e.to_string().contains("out of range") => None,
        Err(_) => Some(Err(Reason::BadJson)),
    }
}

fn scanned(text: &str) -> Result<(), Reason> {
    let mut keys = Vec::new();
    let limits = Limits { digits_max: usize::MAX, ..Limits::default() };
    let mut scanner = JsonScanner::new(text.as_bytes(), &limits, &mut keys);
    let read = scanner.value(0).and_then(|_| scanner.end());
    let flaw = scanner.take_flaw();
    read.map_err(|f| f.reason)?;
    assert!(keys.is_empty());
    flaw.map_or(Ok(()), |f| Err(f.reason))
}

/// Texts with every kind of escape, and lengths on both sides of the scanner's blocks.
fn quoted() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        8 => "[a-f0-9x]{1,40}",
        1 => Just(r#"\""#.to_owned()),
        1 => Just(r"\\".to_owned()),
        1 => "\\\\[/bfnrt]",
        1 => "\\\\u00[0-7][0-9a-fA-F]",
        1 => Just(r"\ud83d\ude00".to_owned()),
        1 => Just(r"\ud800".to_owned()),
        1 => Just("é😀".to_owned()),
    ];
    vec(piece, 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn document() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("false".to_owned()),
        "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,3})?([eE][+-]?[0-9])?",
        quoted(),
    ];
    let key = prop_oneof![Just("\"a\"".to_owned()), Just(r#""\u0061""#.to_owned()), quoted()];
    leaf.prop_recursive(4, 48, 8, move |inner| {
        let field = (key.clone(), "[ \n]?", inner.clone());
        let fields = vec(field.prop_map(|(k, s, v)| format!("{k}{s}:{s}{v}")), 0..6);
        prop_oneof![
            vec(inner, 0..6).prop_map(|items| format!("[{}]", items.join(" ,"))),
            fields.prop_map(|fields| format!("{{{}}}", fields.join(", "))),
        ]
    })
}

static NAMES: Keys<2> = Keys::new(["a", "block_number"]);

/// Objects with known, foreign, long and escaped keys in a few spellings, some of them twice.
fn object() -> impl Strategy<Value = String> {
    let key = prop_oneof![
        4 => Just("\"a\":"),
        4 => Just(" \"block_number\": "),
        2 => Just("\"block_number\":"),
        2 => Just("\"foreign\": "),
        1 => Just("\n\"a key that is longer than thirty-two bytes\" :  "),
        1 => Just("\"\\u0061\":"),
    ];
    vec((key, document()), 0..5).prop_map(|fields| {
        let fields: Vec<_> = fields.iter().map(|(key, value)| format!("{key}{value}")).collect();
        format!("{{{}}}", fields.join(","))
    })
}

/// Reads an object and says everything that is known about it.
fn read_fields(text: &str, guide: Option<&mut Guide>) -> String {
    let (limits, mut keys) = (Limits::default(), Vec::new());
    let mut fields = Fields::new(&NAMES);
    let mut scanner = match guide {
        Some(_) => JsonScanner::of_record(text.as_bytes(), &limits, &mut keys),
        None => JsonScanner::new(text.as_bytes(), &limits, &mut keys),
    };
    let read = match guide {
        Some(guide) => scanner.fields(0, guide, &mut fields, |scanner, _| scanner.value(1)),
        None => scanner.object(0, |hash, key, value| fields.put(hash, key, value)),
    };
    match read.and_then(|()| scanner.end()) {
        Ok(()) => {
            let values = [fields.at(0).value, fields.at(1).value];
            format!("{values:?} {:?}", scanner.take_flaw())
        }
        Err(flaw) => format!("{:?} {}", flaw.reason, flaw.what),
    }
}

/// One edit: at a position (in thousandths of the length), drop a character and put another.
fn edit() -> impl Strategy<Value = (usize, bool, String)> {
    let put = prop_oneof![Just(String::new()), "[\\[\\]{}\",:\\\\0-9eE.+\\- untrlf\u{1}\u{feff}]"];
    (0..1000usize, any::<bool>(), put)
}

fn edited(text: &str, edits: &[(usize, bool, String)]) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for (position, is_dropped, put) in edits {
        let at = (position * chars.len() / 1000).min(chars.len().saturating_sub(1));
        let end = (at + usize::from(*is_dropped)).min(chars.len());
        chars.splice(at..end, put.chars());
    }
    chars.into_iter().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn agrees_with_serde_json(text in document(), edits in vec(edit(), 0..4)) {
        for text in [edited(&text, &edits), text] {
            if let Some(expected) = expected(&text) {
                prop_assert_eq!(scanned(&text), expected, "{}", text);
            }
        }
    }

    #[test]
    fn guides_change_nothing(objects in vec((object(), vec(edit(), 0..3)), 1..6)) {
        let mut guide = Guide::default();
        for (text, edits) in &objects {
            for text in [text, &edited(text, edits), text] {
                if text.starts_with('{') {
                    prop_assert_eq!(read_fields(text, Some(&mut guide)), read_fields(text, None));
                }
            }
        }
    }

    #[test]
    fn whole_numbers_are_exact(digits in "[0-9]{0,24}", rest in "[-,}.eEx ][^a]{0,12}") {
        let text = digits.clone() + &rest;
        if let Some((n, n_digits)) = text::whole(text.as_bytes()) {
            prop_assert_eq!((digits.parse(), n_digits), (Ok(n), digits.len()));
            prop_assert!(!rest.starts_with(['.', 'e', 'E']));
        } else {
            let is_long = digits.len() > text::WHOLE_DIGITS_MAX;
            let is_float = rest.starts_with(['.', 'e', 'E']);
            // A word that reaches beyond the text is left to the slow path.
            let is_near_end = text.len() < digits.len() / 8 * 8 + 8;
            prop_assert!(digits.is_empty() || is_long || is_float || is_near_end, "{}", text);
        }
    }

    #[test]
    fn finds_repeated_keys_among_many(n in 60..300usize, twin in 0..60usize, is_twin: bool) {
        let mut keys: Vec<String> = (0..n).map(|i| format!("\"key{i}\":{i}")).collect();
        if is_twin {
            keys.push(format!("\"key{twin}\":0"));
        }
        let verdict = scanned(&format!("{{{}}}", keys.join(",")));
        prop_assert_eq!(verdict, if is_twin { Err(Reason::DuplicateKey) } else { Ok(()) });
    }
}

#[test]
fn limits_hold_at_their_edge() {
    let limits =
        Limits { depth_max: 3, items_max: 2, keys_max: 2, digits_max: 4, ..Limits::default() };
    let verdict = |text: &str| {
        let mut keys = Vec::new();
        let mut scanner = JsonScanner::new(text.as_bytes(), &limits, &mut keys);
        let read = scanner.value(0).and_then(|_| scanner.end());
        read.err().or(scanner.take_flaw()).map(|flaw| flaw.reason)
    };
    for fine in ["[[[1]]]", "[1,2]", r#"{"a":1,"b":2}"#, "12.34", "-1234"] {
        assert_eq!(verdict(fine), None, "{fine}");
    }
    for over in ["[[[[1]]]]", "[1,2,3]", r#"{"a":1,"b":2,"c":3}"#, "12.345", "1e1234"] {
        assert_eq!(verdict(over), Some(Reason::LimitExceeded), "{over}");
    }
}
