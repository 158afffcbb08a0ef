//! Accounts and identifiers of a mapped record, in one canonical spelling each.

use super::{
    mapping::{AccountField, AccountForm, Id, IdForm, reads_like},
    path::{FieldPath, Source},
};
use crate::{
    decode::{
        Reason, Refusal, account,
        json::{
            Value,
            field::{ID_TEXT_BYTES_MAX, Reader},
            keys::Field,
        },
        utxo::account::canonical,
    },
    model::{Address, Hash32, Quality},
};
use sha2::{Digest, Sha256};
use std::borrow::Cow;

/// Reads an account; `None` when it is null, empty or one of the values that mean none.
pub(super) fn read(
    name: &'static str,
    at: &AccountField,
    source: &Source<'_>,
    reader: &Reader<'_>,
) -> Result<Option<Address>, Refusal> {
    let mut text = at.prefix.clone();
    for (i, path) in at.paths.iter().enumerate() {
        let field = Field { name, value: source.get(path, reader.limits()) };
        if at.unset.iter().any(|unset| reads_like(field.value, unset)) {
            return Ok(None);
        }
        if at.form == AccountForm::Evm {
            let chain = &reader.settings.chain;
            return Ok(field.address()?.map(|address| match address {
                Address::Evm(bytes) => account::of_bytes(bytes, chain, false),
                other => other,
            }));
        }
        let Some(part) = plain(field)? else { return Ok(None) };
        if at.form == AccountForm::Tron {
            return tron(field, &part, reader).map(Some);
        }
        if text.len() + part.len() > ID_TEXT_BYTES_MAX {
            return Err(field.refuse(Reason::LimitExceeded, "longer than 128 bytes"));
        }
        if i > 0 {
            text.push(':');
        }
        text.push_str(&part);
    }
    if at.form == AccountForm::Caseless {
        text.make_ascii_lowercase();
    }
    let field = Field { name, value: Value::Null };
    canonical(field, text.as_bytes(), &reader.settings.chain).map(Some)
}

/// Reads a text, or a number as it is written; `None` when null or empty.
fn plain(field: Field<'_>) -> Result<Option<Cow<'_, str>>, Refusal> {
    let text = match field.value {
        Value::Whole(n) => return Ok(Some(n.to_string().into())),
        Value::Number(raw) => raw,
        _ => match field.text()? {
            Some(text) => text,
            None => return Ok(None),
        },
    };
    match std::str::from_utf8(text) {
        Ok(text) => Ok(Some(text.into())),
        Err(_) => Err(field.refuse(Reason::NotUtf8, "no UTF-8")),
    }
}

fn tron(field: Field<'_>, text: &str, reader: &Reader<'_>) -> Result<Address, Refusal> {
    if let Some(hash) = account::tron(text).or_else(|| account::evm(text)) {
        return Ok(account::of_bytes(hash, &reader.settings.chain, true));
    }
    // Checksums of records are not judged.
    let is_base58 = text.len() == 34 && text.starts_with('T');
    if is_base58 && text.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return canonical(field, text.as_bytes(), &reader.settings.chain);
    }
    Err(field.refuse(Reason::BadField, "no TRON address"))
}

/// Reads an identifier.
pub(super) fn id(
    name: &'static str,
    at: &Id,
    source: &Source<'_>,
    reader: &mut Reader<'_>,
) -> Result<Option<Hash32>, Refusal> {
    let field = Field { name, value: source.get(&at.path, reader.limits()) };
    match at.form {
        IdForm::Hash => field.hash(),
        IdForm::Text => {
            let Some(text) = plain(field)? else { return Ok(None) };
            if text.len() > ID_TEXT_BYTES_MAX {
                return Err(field.refuse(Reason::LimitExceeded, "longer than 128 bytes"));
            }
            reader.quality |= Quality::ID_COMPUTED;
            Ok(Some(digest(text.as_bytes())))
        }
    }
}

/// Returns the hash that stands for what has none.
pub(super) fn digest(bytes: &[u8]) -> Hash32 {
    Hash32(Sha256::digest(bytes).into())
}

/// Returns whether a path leads to one of these values.
pub(super) fn is_any(
    path: &FieldPath,
    texts: &[String],
    source: &Source<'_>,
    reader: &Reader<'_>,
) -> bool {
    let value = source.get(path, reader.limits());
    texts.iter().any(|text| reads_like(value, text))
}
