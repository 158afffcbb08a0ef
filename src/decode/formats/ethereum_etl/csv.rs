//! CSV in ethereum-etl's columns: under a header row, or known by the number of its cells.
//!
//! # Source
//! The field lists of ethereum-etl's item exporters, versions 1.2 to 2.4.

use super::{EthereumEtlItem, EthereumEtlKey, KEYS, emit};
use crate::decode::{
    Limits, Reason, Refusal, SkipReason,
    formats::csv::Rows,
    json::{
        JsonScanner, Value,
        field::refuse,
        keys::Fields,
        text::{Text, key_hash},
    },
    record::Parts,
    value::hex,
};
use std::borrow::Cow;

/// A list of columns that an exporter writes, the longest version of it.
struct CsvColumns {
    /// Their names, with commas.
    columns: &'static str,
    /// How many of them the versions wrote: each appended some.
    lengths: &'static [usize],
    /// Whether a row can be of this table, where another one has as many columns.
    is_possible: fn(&[Cow<'_, str>]) -> bool,
}

const TABLES: [CsvColumns; 8] = [
    CsvColumns {
        columns: "hash,nonce,block_hash,block_number,transaction_index,from_address,to_address,\
            value,gas,gas_price,input,block_timestamp,max_fee_per_gas,\
            max_priority_fee_per_gas,transaction_type,max_fee_per_blob_gas,\
            blob_versioned_hashes",
        lengths: &[11, 12, 15, 17],
        is_possible: |row| is_hex(&row[5], 20),
    },
    CsvColumns {
        columns: "number,hash,parent_hash,nonce,sha3_uncles,logs_bloom,transactions_root,\
            state_root,receipts_root,miner,difficulty,total_difficulty,size,extra_data,\
            gas_limit,gas_used,timestamp,transaction_count,base_fee_per_gas,\
            withdrawals_root,withdrawals,blob_gas_used,excess_blob_gas",
        lengths: &[18, 19, 21, 23],
        is_possible: |row| is_hex(&row[2], 32),
    },
    CsvColumns {
        columns: "log_index,transaction_hash,transaction_index,block_hash,block_number,address,\
            data,topics",
        lengths: &[8],
        is_possible: |_| true,
    },
    CsvColumns {
        columns: "token_address,from_address,to_address,value,transaction_hash,log_index,\
            block_number",
        lengths: &[7],
        is_possible: |_| true,
    },
    CsvColumns {
        columns: "transaction_hash,transaction_index,block_hash,block_number,\
            cumulative_gas_used,gas_used,contract_address,root,status,effective_gas_price,\
            l1_fee,l1_gas_used,l1_gas_used_paid,l1_gas_price,l1_fee_scalar",
        lengths: &[9, 10, 15],
        is_possible: |row| is_hex(&row[0], 32) && is_hex(&row[2], 32),
    },
    CsvColumns {
        columns: "block_number,transaction_hash,transaction_index,from_address,to_address,value,\
            input,output,trace_type,call_type,reward_type,gas,gas_used,subtraces,\
            trace_address,error,status,trace_id",
        lengths: &[17, 18],
        is_possible: |row| !is_hex(&row[2], 32) && !row[8].is_empty(),
    },
    CsvColumns {
        columns: "address,bytecode,function_sighashes,is_erc20,is_erc721,block_number",
        lengths: &[5, 6],
        is_possible: |row| is_hex(&row[0], 20) && matches!(&*row[3], "True" | "False"),
    },
    CsvColumns {
        columns: "address,symbol,name,decimals,total_supply,block_number",
        lengths: &[5, 6],
        is_possible: |row| is_hex(&row[0], 20) && !matches!(&*row[3], "True" | "False"),
    },
];

/// Columns of a row, of any table: more is no table of this exporter.
const COLUMNS_MAX: usize = 64;

/// Reads rows, each a part; a header row names the columns of those behind it.
pub(in crate::decode) fn read(text: &str, parts: &mut Parts<'_>) -> Result<(), Refusal> {
    let mut rows = Rows::of(text, COLUMNS_MAX, parts)?;
    let mut named: Option<Vec<Option<usize>>> = None;
    while let Some(mut row) = rows.next()? {
        if is_header(&row) {
            named = Some(named_by(&row));
            parts.add(|_, _| Err(Refusal::Skip(SkipReason::ControlMessage)));
            continue;
        }
        parts.add(|reader, events| {
            let unnamed = if named.is_none() { unnamed(&row)? } else { Vec::new() };
            let columns = named.as_ref().unwrap_or(&unnamed);
            quote(&mut row, columns);
            emit(&item(&row, columns, reader.limits())?, reader, events)
        });
    }
    Ok(())
}

/// Returns whether a cell is as long as so many bytes in hex, with `0x` in front or without.
fn is_hex(cell: &str, n_bytes: usize) -> bool {
    hex::bare(cell.as_bytes()).len() == 2 * n_bytes
}

fn is_header(row: &[Cow<'_, str>]) -> bool {
    let is_name = |cell: &str| {
        !cell.is_empty() && cell.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
    };
    row.iter().all(|cell| is_name(cell)) && row.iter().any(|name| position(name).is_some())
}

/// Makes JSON of the one column that the exporter writes as Python writes lists.
fn quote(row: &mut [Cow<'_, str>], columns: &[Option<usize>]) {
    for (cell, column) in row.iter_mut().zip(columns) {
        if *column == Some(EthereumEtlKey::Withdrawals as usize) && cell.contains('\'') {
            *cell = cell.replace('\'', "\"").into();
        }
    }
}

/// Finds a column among the item's fields.
fn position(name: &str) -> Option<usize> {
    KEYS.find(key_hash(name.as_bytes()), name.as_bytes())
}

/// Finds the columns that a header row names.
fn named_by(row: &[Cow<'_, str>]) -> Vec<Option<usize>> {
    // The contracts table puts a prefix before its columns, also where receipts have it.
    let is_contract = row.iter().any(|name| name == "contract_bytecode");
    let bare = |name: &'_ str| match name.strip_prefix("contract_") {
        Some(bare) if is_contract => position(bare),
        _ => position(name),
    };
    row.iter().map(|name| bare(name)).collect()
}

/// Finds the columns of a row without a header.
fn unnamed(row: &[Cow<'_, str>]) -> Result<Vec<Option<usize>>, Refusal> {
    let is_of = |t: &&CsvColumns| t.lengths.contains(&row.len()) && (t.is_possible)(row);
    match TABLES.iter().find(is_of) {
        Some(table) => Ok(table.columns.split(',').take(row.len()).map(position).collect()),
        None => {
            let detail = format!("{} columns are no row of ethereum-etl", row.len());
            Err(refuse(Reason::MissingField, &detail))
        }
    }
}

/// Puts the cells where the fields of a JSON item would be.
fn item<'a>(
    row: &'a [Cow<'a, str>],
    columns: &[Option<usize>],
    limits: &Limits,
) -> Result<EthereumEtlItem<'a>, Refusal> {
    if row.len() != columns.len() {
        let detail = format!("{} cells under {} columns", row.len(), columns.len());
        return Err(refuse(Reason::BadField, &detail));
    }
    let mut fields = Fields::new(&KEYS);
    for (cell, column) in row.iter().zip(columns) {
        let Some(column) = *column else { continue };
        let raw = cell.as_bytes();
        let value = match raw.first() {
            // An empty cell is null.
            None => continue,
            Some(b'[') if column == EthereumEtlKey::Withdrawals as usize => array(raw, limits)?,
            Some(_) => Value::Text(Text { raw, is_escaped: false }),
        };
        fields.set(column, value);
    }
    Ok(EthereumEtlItem(fields))
}

/// Validates an array that stands in a cell.
fn array<'a>(raw: &'a [u8], limits: &Limits) -> Result<Value<'a>, Refusal> {
    let mut keys = Vec::new();
    let mut scanner = JsonScanner::new(raw, limits, &mut keys);
    let value = scanner.value(0)?;
    scanner.end()?;
    match scanner.take_flaw() {
        Some(flaw) => Err(flaw.into()),
        None => Ok(value),
    }
}
