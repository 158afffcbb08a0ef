//! Bitcoin Core's ZMQ topic `sequence`: mempool additions and removals, block steps.
//!
//! # Source
//! doc/zmq.md of Bitcoin Core: 32 bytes of hash, a label, for `A` and `R` the mempool sequence as
//! u64 LE. The document calls the hash little-endian, but the node's code and tests send it in the
//! order in which RPC shows it: nothing is reversed here.

use crate::{
    decode::{
        Reason, Refusal,
        json::field::{Reader, refuse},
        value::{hex, time},
    },
    model::{BlockStep, Body, Clock, Event, Hash32, Observation, Phase, Step},
};

const HASH_BYTES: usize = 32;
/// Hash, label, mempool sequence.
const MEMPOOL_BYTES: usize = HASH_BYTES + 1 + 8;
/// Hash, label.
const BLOCK_BYTES: usize = HASH_BYTES + 1;
/// A bridge may have appended the ZMQ message's own counter, a u32 LE.
const COUNTER_BYTES: usize = 4;

/// Reads one message, as bytes or as hex text.
pub(in crate::decode) fn read(
    value: &[u8],
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let no_hex = || refuse(Reason::BadBinary, "text that is not hex bytes");
    let body = body(&hex::unpack(value).ok_or_else(no_hex)?)?;
    let time = time::kafka_time(reader);
    events.push(Event { time, clock: Clock::Kafka, quality: reader.quality, body });
    Ok(())
}

fn body(bytes: &[u8]) -> Result<Body, Refusal> {
    let Some((hash, [label, rest @ ..])) = bytes.split_first_chunk::<HASH_BYTES>() else {
        return Err(refuse(Reason::BadBinary, "shorter than a hash and a label"));
    };
    let hash = Hash32(*hash);
    let is_long = |n: usize| bytes.len() == n || bytes.len() == n + COUNTER_BYTES;
    let wrong_length = || {
        let detail = format!("{} bytes are no message with this label", bytes.len());
        Err(refuse(Reason::BadBinary, &detail))
    };
    let observation = |phase| match rest.first_chunk() {
        Some(seq) if is_long(MEMPOOL_BYTES) => Ok(Body::Observation(Box::new(Observation {
            mempool_seq: Some(u64::from_le_bytes(*seq)),
            ..Observation::of(hash, phase)
        }))),
        _ => wrong_length(),
    };
    let block = |step| {
        let block = BlockStep {
            step,
            height: None,
            hash,
            parent: None,
            n_transactions: None,
            base_fee_per_gas: None,
            gas_used: None,
            gas_limit: None,
        };
        if is_long(BLOCK_BYTES) { Ok(Body::Block(Box::new(block))) } else { wrong_length() }
    };
    match label {
        b'A' => observation(Phase::Admitted),
        // For another reason than a block: those that a block takes are not announced.
        b'R' => observation(Phase::Removed),
        b'C' => block(Step::Committed),
        b'D' => block(Step::Reverted),
        other => Err(refuse(Reason::BadBinary, &format!("label 0x{other:02x} is not known"))),
    }
}
