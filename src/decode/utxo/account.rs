//! Who exporters say that a script pays: its type, and its address in one canonical spelling.

use super::script::{classify, of_digest};
use crate::{
    decode::{
        Reason, Refusal,
        json::{
            JsonScanner, Value,
            field::{ID_TEXT_BYTES_MAX, Reader},
            keys::Field,
        },
        value::hex,
    },
    model::{Address, Chain, Coin, Hiding, ScriptType},
};

/// bitcoin-etl makes up an address of this form for scripts that have none.
const FABRICATED_PREFIX: &[u8] = b"nonstandard";
/// `OP_RETURN`: whatever the exporter calls the type, such an output carries data.
const OP_RETURN: &[u8] = b"6a";

/// Reads a script type; names that are not listed are [`ScriptType::Other`].
pub fn script_type(field: Field<'_>, script: Option<&[u8]>) -> Result<ScriptType, Refusal> {
    if script.is_some_and(|s| s.starts_with(OP_RETURN)) {
        return Ok(ScriptType::NullData);
    }
    Ok(match field.text()?.unwrap_or_default() {
        b"pubkey" => ScriptType::Pubkey,
        b"pubkeyhash" => ScriptType::PubkeyHash,
        b"scripthash" => ScriptType::ScriptHash,
        b"witness_v0_keyhash" => ScriptType::WitnessV0KeyHash,
        b"witness_v0_scripthash" => ScriptType::WitnessV0ScriptHash,
        b"witness_v1_taproot" => ScriptType::WitnessV1Taproot,
        b"multisig" => ScriptType::Multisig,
        b"nulldata" => ScriptType::NullData,
        b"shielded" => ScriptType::Shielded,
        _ => ScriptType::Other,
    })
}

/// Reads the account that a script pays, if it pays one.
///
/// Of several addresses (old bare multisig) the first stands for all. Without one, a key's account
/// is that of its hash, and a bare multisig's the digest of its script. `digits` are the script's.
pub fn account(
    field: Field<'_>,
    script_type: ScriptType,
    digits: &[u8],
    reader: &Reader<'_>,
) -> Result<Option<Address>, Refusal> {
    let chain = &reader.settings.chain;
    if has_extension(digits, chain) {
        return Ok(None);
    }
    if let Some(text) = first_address(field, reader)?
        && script_type != ScriptType::NullData
        && !text.starts_with(FABRICATED_PREFIX)
    {
        return canonical(field, text, chain).map(Some);
    }
    let is_payment = matches!(script_type, ScriptType::Pubkey | ScriptType::Multisig);
    let script = if is_payment { hex::bytes(digits) } else { None };
    let script = script.filter(|script| !script.is_empty());
    Ok(script.map(|script| match classify(&script, chain) {
        (_, Some(address)) => address,
        (_, None) => of_digest(hex::digest_bytes(&script).digest),
    }))
}

/// Returns whether a script enters Litecoin's extension block or stands for all in it: nodes write
/// addresses for both, and both are nobody's.
fn has_extension(digits: &[u8], chain: &Chain) -> bool {
    const WITNESSES: [&[u8]; 2] = [b"5820", b"5920"];
    WITNESSES.iter().any(|start| digits.starts_with(start))
        && digits.len() == 68
        && Coin::of(chain).is_some_and(|coin| coin.hides == Hiding::Extension)
}

/// Reads the first text of an array, or a single text.
fn first_address<'a>(field: Field<'a>, reader: &Reader<'_>) -> Result<Option<&'a [u8]>, Refusal> {
    let Value::Array(raw) = field.value else { return field.text() };
    let mut scratch = Vec::new();
    let mut scanner = JsonScanner::new(raw, reader.limits(), &mut scratch);
    if !scanner.open_array(0)? {
        return Ok(None);
    }
    Field { value: scanner.value(1)?, ..field }.text()
}

/// Returns an address in the one spelling in which it is compared.
pub fn canonical(field: Field<'_>, text: &[u8], chain: &Chain) -> Result<Address, Refusal> {
    if text.len() > ID_TEXT_BYTES_MAX {
        return Err(field.refuse(Reason::LimitExceeded, "an address longer than 128 bytes"));
    }
    // No early exit: texts are short and nearly always plain, and this takes vector registers.
    let is_plain = text.iter().fold(true, |is, byte| is & byte.is_ascii_graphic());
    match std::str::from_utf8(text).ok().filter(|_| is_plain) {
        Some(text) => Ok(crate::decode::account::canonical(text, chain)),
        None => Err(field.refuse(Reason::BadField, "no address")),
    }
}
