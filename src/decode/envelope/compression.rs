//! Compressed payloads, unpacked no further than the limits allow.

use crate::decode::{Limits, Reason, Refusal, json::field::refuse};
use std::io::Read;

/// Bytes that any stream may unpack to whatever its ratio: a short text of zeros is no bomb.
const SLACK_BYTES: usize = 64 << 10;
/// Largest window of a zstd stream as a power of two: 8 MiB, what the format's own text asks
/// every decoder to support (RFC 8878, section 3.1.1.1.2).
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Members of one gzip stream: each starts with a new window, which costs more than its bytes.
const MEMBERS_MAX: usize = 64;

/// Unpacks one gzip stream, of as many members as it has.
pub(super) fn gunzip(bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, Refusal> {
    let (mut rest, mut unpacked, mut n_members) = (bytes, Vec::new(), 0);
    while n_members == 0 || !rest.is_empty() {
        n_members += 1;
        if n_members > MEMBERS_MAX {
            let what = format!("a gzip stream of more than {MEMBERS_MAX} members");
            return Err(refuse(Reason::DecompressionLimit, &what));
        }
        let mut member = flate2::bufread::GzDecoder::new(rest);
        unpack(&mut member, bytes.len(), limits, &mut unpacked)?;
        rest = member.into_inner();
    }
    filled(unpacked)
}

/// Unpacks one zstd stream, of as many frames as it has.
pub(super) fn unzstd(bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, Refusal> {
    let broken = |_| refuse(Reason::DecompressionLimit, "no zstd stream");
    let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes).map_err(broken)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(broken)?;
    let mut unpacked = Vec::new();
    unpack(decoder, bytes.len(), limits, &mut unpacked)?;
    filled(unpacked)
}

/// Appends what a stream holds.
fn unpack(
    stream: impl Read,
    n_packed: usize,
    limits: &Limits,
    unpacked: &mut Vec<u8>,
) -> Result<(), Refusal> {
    let by_ratio = n_packed.saturating_mul(limits.ratio_max).max(SLACK_BYTES);
    let bytes_max = limits.value_bytes_max.min(by_ratio);
    // One byte more tells a full payload from a cut one.
    let n_left = bytes_max.saturating_sub(unpacked.len()) as u64 + 1;
    let read = stream.take(n_left).read_to_end(unpacked);
    if unpacked.len() > bytes_max {
        let what = format!("{n_packed} bytes unpack to more than {bytes_max}");
        return Err(refuse(Reason::DecompressionLimit, &what));
    }
    if read.is_err() {
        return Err(refuse(Reason::DecompressionLimit, "a broken or cut compressed stream"));
    }
    Ok(())
}

fn filled(unpacked: Vec<u8>) -> Result<Vec<u8>, Refusal> {
    if unpacked.is_empty() {
        return Err(refuse(Reason::EmptyValue, "the compressed value has no bytes"));
    }
    Ok(unpacked)
}
