//! Compressed payloads, unpacked no further than the limits allow (FORMATS §4).

use crate::decode::{Limits, Reason, Refusal, field::refuse};
use std::io::Read;

/// Bytes that any stream may unpack to whatever its ratio: a short text of zeros is no bomb.
const SLACK_BYTES: usize = 64 << 10;
/// Largest window of a zstd stream as a power of two: 8 MiB, what the format's own text asks
/// every decoder to support (RFC 8878, section 3.1.1.1.2).
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// Unpacks one gzip stream, of as many members as it has.
pub(super) fn gunzip(bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, Refusal> {
    unpack(flate2::bufread::MultiGzDecoder::new(bytes), bytes.len(), limits)
}

/// Unpacks one zstd stream, of as many frames as it has.
pub(super) fn unzstd(bytes: &[u8], limits: &Limits) -> Result<Vec<u8>, Refusal> {
    let broken = |_| refuse(Reason::DecompressionLimit, "no zstd stream");
    let mut decoder = zstd::stream::read::Decoder::with_buffer(bytes).map_err(broken)?;
    decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(broken)?;
    unpack(decoder, bytes.len(), limits)
}

fn unpack(stream: impl Read, n_packed: usize, limits: &Limits) -> Result<Vec<u8>, Refusal> {
    let by_ratio = n_packed.saturating_mul(limits.ratio_max).max(SLACK_BYTES);
    let bytes_max = limits.value_bytes_max.min(by_ratio);
    let mut unpacked = Vec::new();
    // One byte more tells a full payload from a cut one.
    let read = stream.take(bytes_max as u64 + 1).read_to_end(&mut unpacked);
    if unpacked.len() > bytes_max {
        let what = format!("{n_packed} bytes unpack to more than {bytes_max}");
        return Err(refuse(Reason::DecompressionLimit, &what));
    }
    if read.is_err() {
        return Err(refuse(Reason::DecompressionLimit, "a broken or cut compressed stream"));
    }
    if unpacked.is_empty() {
        return Err(refuse(Reason::EmptyValue, "the compressed value has no bytes"));
    }
    Ok(unpacked)
}
