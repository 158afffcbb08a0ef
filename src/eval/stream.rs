//! The records of an evaluation, held in memory once and read by every seed.

use crate::{
    decode::{self, Batch, Settings},
    model::{Address, Body, EventTime, Record, Transfer, Tx, TxBody},
};
use std::{collections::BTreeMap, sync::Arc};

/// Stands for no subject: a contract creation has no receiver.
pub const NOBODY: u32 = u32::MAX;

/// Parties of one row that are looked at; the simplest mixing transactions have hundreds.
const PARTIES_MAX: usize = 1_024;

/// Whom the labels speak about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelRole {
    /// The receiver of a transaction.
    To,
    /// Its sender.
    From,
    /// The transaction itself.
    Tx,
}

/// Records with the parties and the time of each, under the settings that decode them.
///
/// # Cost
/// The bytes of all records, and 24 bytes and the parties of each.
pub struct Stream {
    settings: Settings,
    role: LabelRole,
    bytes: Vec<u8>,
    rows: Vec<StreamRow>,
    /// Headers of the rows that have any.
    headers: BTreeMap<usize, Vec<(String, Vec<u8>)>>,
    parties: Vec<u32>,
    ids: BTreeMap<Arc<str>, u32>,
    names: Vec<Arc<str>>,
    scratch: Batch,
}

#[derive(Clone, Copy)]
struct StreamRow {
    bytes_end: usize,
    parties_end: usize,
    time: EventTime,
    subject: u32,
    kafka_ms: Option<i64>,
}

impl Stream {
    /// Makes an empty stream.
    pub fn new(settings: Settings, role: LabelRole) -> Self {
        Self {
            settings,
            role,
            bytes: Vec::new(),
            headers: BTreeMap::new(),
            rows: Vec::new(),
            parties: Vec::new(),
            ids: BTreeMap::new(),
            names: Vec::new(),
            scratch: Batch::default(),
        }
    }

    /// Adds a record of which only the value is known.
    pub fn push(&mut self, value: &[u8]) {
        self.push_record(&Record { value: Some(value), ..Record::default() });
    }

    /// Adds a record with its value, time and headers; one without a transaction keeps its place
    /// and has no subject. A tombstone is left out.
    pub fn push_record(&mut self, record: &Record<'_>) {
        let Some(value) = record.value else { return };
        let mut batch = std::mem::take(&mut self.scratch);
        decode::decode(&self.settings, record, &mut batch);
        if !record.headers.is_empty() {
            let owned = record.headers.iter().map(|(name, v)| ((*name).to_owned(), v.to_vec()));
            self.headers.insert(self.rows.len(), owned.collect());
        }
        let mut row = StreamRow {
            bytes_end: self.bytes.len() + value.len(),
            parties_end: 0,
            time: self.rows.last().map_or(EventTime::default(), |r| r.time),
            subject: NOBODY,
            kafka_ms: record.kafka_ms,
        };
        for event in &batch.events {
            let subject = match &event.body {
                Body::Tx(tx) => self.parties_of(tx),
                Body::Transfer(transfer) => self.ends_of(transfer),
                _ => continue,
            };
            row.time = event.time;
            // Of a bundle: the transaction comes first.
            row.subject = if row.subject == NOBODY { subject } else { row.subject };
        }
        row.parties_end = self.parties.len();
        self.bytes.extend_from_slice(value);
        self.rows.push(row);
        self.scratch = batch;
    }

    /// Returns how the records are decoded.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns whom the labels speak about.
    pub fn role(&self) -> LabelRole {
        self.role
    }

    /// Returns how many records there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns whether there are no records.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns how many names have a number: parties, and subjects where those are transactions.
    pub fn n_names(&self) -> usize {
        self.names.len()
    }

    /// Returns the number of a name, if it occurs.
    pub fn id(&self, name: &str) -> Option<u32> {
        self.ids.get(name).copied()
    }

    /// Returns the name of a number.
    pub fn name(&self, id: u32) -> &str {
        &self.names[id as usize]
    }

    /// Returns the number of an address, [`NOBODY`] if it does not occur.
    pub fn id_of(&self, address: Option<&Address>) -> u32 {
        address.and_then(|a| self.id(&a.to_string())).unwrap_or(NOBODY)
    }

    /// Returns a record with what is known of it. `headers` is scratch space for the result.
    pub fn record<'a>(
        &'a self,
        row: usize,
        headers: &'a mut Vec<(&'a str, &'a [u8])>,
    ) -> Record<'a> {
        let known = self.headers.get(&row).into_iter().flatten();
        headers.extend(known.map(|(name, value)| (&**name, &**value)));
        let (kafka_ms, value) = (self.rows[row].kafka_ms, Some(self.value(row)));
        Record { topic: "eval", offset: row as i64, kafka_ms, value, headers, ..Record::default() }
    }

    /// Returns the bytes of a record.
    pub fn value(&self, row: usize) -> &[u8] {
        let start = row.checked_sub(1).map_or(0, |before| self.rows[before].bytes_end);
        &self.bytes[start..self.rows[row].bytes_end]
    }

    /// Returns the numbers of everybody that a record touches.
    pub fn parties(&self, row: usize) -> &[u32] {
        let start = row.checked_sub(1).map_or(0, |before| self.rows[before].parties_end);
        &self.parties[start..self.rows[row].parties_end]
    }

    /// Returns the time of a record.
    pub fn time(&self, row: usize) -> EventTime {
        self.rows[row].time
    }

    /// Returns whom a record's label is about.
    pub fn subject(&self, row: usize) -> u32 {
        self.rows[row].subject
    }

    /// Notes the ends of a transfer and returns its subject.
    fn ends_of(&mut self, transfer: &Transfer) -> u32 {
        let (from, to) = (self.note(&transfer.from), self.note(&transfer.to));
        match self.role {
            LabelRole::To => to,
            LabelRole::From => from,
            LabelRole::Tx => transfer.tx.map_or(NOBODY, |tx| self.number(tx.hex())),
        }
    }

    /// Notes the parties of a transaction and returns its subject.
    fn parties_of(&mut self, tx: &Tx) -> u32 {
        let (mut from, mut to) = (NOBODY, NOBODY);
        match &tx.body {
            TxBody::Evm(evm) => {
                from = self.note(&evm.from);
                if let Some(address) = &evm.to {
                    to = self.note(address);
                }
            }
            TxBody::Utxo(utxo) => {
                // The largest of either side, as the engine's subject is.
                let (mut spent, mut paid) = (0, 0);
                for input in utxo.inputs.iter().take(PARTIES_MAX) {
                    let Some(address) = &input.address else { continue };
                    let id = self.note(address);
                    let value = input.value.unwrap_or(0);
                    if from == NOBODY || value > spent {
                        (from, spent) = (id, value);
                    }
                }
                for output in utxo.outputs.iter().take(PARTIES_MAX) {
                    let Some(address) = &output.address else { continue };
                    let id = self.note(address);
                    if to == NOBODY || output.value > paid {
                        (to, paid) = (id, output.value);
                    }
                }
            }
        }
        match self.role {
            LabelRole::To => to,
            LabelRole::From => from,
            LabelRole::Tx => self.number(tx.id.hex()),
        }
    }

    fn note(&mut self, address: &Address) -> u32 {
        let id = self.number(address.to_string());
        self.parties.push(id);
        id
    }

    fn number(&mut self, name: String) -> u32 {
        if let Some(&id) = self.ids.get(name.as_str()) {
            return id;
        }
        let (id, name): (u32, Arc<str>) = (self.names.len() as u32, name.into());
        self.names.push(Arc::clone(&name));
        self.ids.insert(name, id);
        id
    }
}
