//! ethereum-etl contracts and tokens: what is known about an address that is no person.

use super::{Item, Key, inclusion};
use crate::{
    decode::{Reason, Refusal, field::Reader, json::Value, keys::Field},
    model::{AssetFacts, Body},
};

/// Bytes kept of a token's name or symbol, which anyone may choose.
const NAME_BYTES_MAX: usize = 128;

/// Reads a contract or a token.
pub(super) fn read(item: &Item<'_>, reader: &mut Reader<'_>) -> Result<Body, Refusal> {
    let address = item.at(Key::Address);
    let bytecode = item.at(Key::Bytecode).hex_digits()?;
    Ok(Body::Asset(Box::new(AssetFacts {
        address: address.need(address.address()?)?,
        symbol: name(item.at(Key::Symbol))?,
        name: name(item.at(Key::Name))?,
        // What a contract answers when asked for its decimals may be any number.
        decimals: item.at(Key::Decimals).amount(reader)?.and_then(|n| u8::try_from(n.0).ok()),
        total_supply: item.at(Key::TotalSupply).amount(reader)?,
        n_code_bytes: bytecode.map(|digits| u32::try_from(digits.len() / 2).unwrap_or(u32::MAX)),
        is_erc20: flag(item.at(Key::IsErc20))?,
        is_erc721: flag(item.at(Key::IsErc721))?,
        inclusion: inclusion(item, reader)?,
    })))
}

fn name(field: Field<'_>) -> Result<Option<String>, Refusal> {
    match field.value {
        Value::Null => Ok(None),
        Value::Text(text) => {
            let text = text.unescape();
            let end = text.floor_char_boundary(NAME_BYTES_MAX);
            Ok(Some(text[..end].to_owned()).filter(|t| !t.is_empty()))
        }
        _ => Err(field.refuse(Reason::BadField, "no text")),
    }
}

fn flag(field: Field<'_>) -> Result<Option<bool>, Refusal> {
    match field.value {
        Value::Null => Ok(None),
        Value::Bool(is) => Ok(Some(is)),
        Value::Text(text) => match text.raw {
            b"True" | b"true" => Ok(Some(true)),
            b"False" | b"false" => Ok(Some(false)),
            b"" => Ok(None),
            _ => Err(field.refuse(Reason::BadField, "neither true nor false")),
        },
        _ => Err(field.refuse(Reason::BadField, "neither true nor false")),
    }
}
