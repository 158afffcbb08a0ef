//! ethereum-etl contracts and tokens: what is known about an address that is no person.

use super::{EthereumEtlItem, EthereumEtlKey, inclusion};
use crate::{
    decode::{
        Reason, Refusal,
        json::{Value, field::Reader, keys::Field},
        value::hex,
    },
    model::{AssetFacts, Body},
};

/// Bytes kept of a token's name or symbol, which anyone may choose.
const NAME_BYTES_MAX: usize = 128;

/// Reads a contract or a token.
pub(super) fn read(item: &EthereumEtlItem<'_>, reader: &mut Reader<'_>) -> Result<Body, Refusal> {
    let address = item.at(EthereumEtlKey::Address);
    let code = match item.at(EthereumEtlKey::Bytecode).hex_digits()? {
        Some(digits) => {
            let no_hex =
                || item.at(EthereumEtlKey::Bytecode).refuse(Reason::BadField, "no hex bytes");
            Some(hex::digest(digits).ok_or_else(no_hex)?)
        }
        None => None,
    };
    Ok(Body::Asset(Box::new(AssetFacts {
        address: address.need(address.address()?)?,
        symbol: name(item.at(EthereumEtlKey::Symbol))?,
        name: name(item.at(EthereumEtlKey::Name))?,
        // What a contract answers when asked for its decimals may be any number.
        decimals: item
            .at(EthereumEtlKey::Decimals)
            .amount(reader)?
            .and_then(|n| u8::try_from(n.0).ok()),
        total_supply: item.at(EthereumEtlKey::TotalSupply).amount(reader)?,
        n_code_bytes: code.map(|code| code.n_bytes),
        is_erc20: item.at(EthereumEtlKey::IsErc20).flag()?,
        is_erc721: item.at(EthereumEtlKey::IsErc721).flag()?,
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
