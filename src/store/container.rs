//! The bytes of a snapshot file: magic, header, compressed body, checksum.
//!
//! ```text
//! 8 bytes   "txwsnap\n"
//! 2 bytes   container version, little endian
//! 4 bytes   length of the header, little endian
//! header    JSON
//! body      zstd, one frame
//! 32 bytes  blake3 of everything before
//! ```

use super::{StoreError, header::SnapshotHeader};

/// Counts the layouts of the file around header and body.
pub const CONTAINER_VERSION: u16 = 1;

/// The largest body before compression: thirty times that of a million accounts.
pub const BODY_BYTES_MAX: u64 = 4 << 30;

/// The largest file: zstd adds less than this to what it cannot compress.
pub(super) const FILE_BYTES_MAX: u64 = BODY_BYTES_MAX + (16 << 20);

/// The longest header: names, hashes and numbers.
const HEADER_BYTES_MAX: usize = 64 << 10;

const MAGIC: &[u8; 8] = b"txwsnap\n";
const PRELUDE: usize = 8 + 2 + 4;
const CHECKSUM: usize = 32;

/// Writes a file.
///
/// # Errors
/// When the body is too large, or cannot be compressed.
pub(super) fn write(
    mut header: SnapshotHeader,
    body: &[u8],
    level: i32,
) -> Result<Vec<u8>, StoreError> {
    let what = || format!("snapshot {} at offset {}", header.place, header.offset);
    let n_bytes = body.len() as u64;
    if n_bytes > BODY_BYTES_MAX {
        return Err(StoreError::TooLarge { what: what(), n_bytes, max: BODY_BYTES_MAX });
    }
    let encoded = |source| StoreError::Encode { what: what(), source };
    let compressed = zstd::bulk::compress(body, level).map_err(|e| encoded(Box::new(e)))?;
    header.body_bytes = n_bytes;
    let json = serde_json::to_vec(&header).map_err(|source| StoreError::Encode {
        what: "a header".to_owned(),
        source: source.into(),
    })?;
    let mut file = Vec::with_capacity(PRELUDE + json.len() + compressed.len() + CHECKSUM);
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&CONTAINER_VERSION.to_le_bytes());
    // A header is names, hashes and numbers: far below 4 GiB.
    file.extend_from_slice(&(json.len() as u32).to_le_bytes());
    file.extend_from_slice(&json);
    file.extend_from_slice(&compressed);
    let checksum = blake3::hash(&file);
    file.extend_from_slice(checksum.as_bytes());
    Ok(file)
}

/// Reads the header of a file, whatever becomes of its body.
///
/// # Errors
/// When the file is damaged, or its container newer than this version.
pub(super) fn read_header(what: &str, file: &[u8]) -> Result<SnapshotHeader, StoreError> {
    parts(what, file).map(|(header, _)| header)
}

/// Reads a file.
///
/// # Errors
/// When the file is damaged, or newer than `format_max` or the container of this version.
pub(super) fn read(
    what: &str,
    file: &[u8],
    format_max: u16,
) -> Result<(SnapshotHeader, Vec<u8>), StoreError> {
    let (header, compressed) = parts(what, file)?;
    if header.format > format_max {
        let (found, known) = (header.format, format_max);
        return Err(StoreError::Newer { what: what.to_owned(), found, known });
    }
    let damaged = |why| StoreError::Damaged { what: what.to_owned(), why };
    let n_bytes = header.body_bytes;
    if n_bytes > BODY_BYTES_MAX {
        return Err(StoreError::TooLarge { what: what.to_owned(), n_bytes, max: BODY_BYTES_MAX });
    }
    // Only address space: pages are taken when something is written to them, which the file has to
    // hold. One call into one buffer halves the time of a stream.
    let mut body = Vec::new();
    let too_large = |_| damaged("its body is larger than memory");
    let capacity = usize::try_from(n_bytes).map_err(|_| damaged("its body is too large"))?;
    body.try_reserve_exact(capacity).map_err(too_large)?;
    let n_read = zstd::bulk::Decompressor::new()
        .and_then(|mut decompressor| decompressor.decompress_to_buffer(compressed, &mut body))
        .map_err(|_| damaged("its body cannot be decompressed"))?;
    if n_read as u64 != n_bytes {
        return Err(damaged("its body is not as long as the header says"));
    }
    Ok((header, body))
}

/// Checks a file and returns its header and its compressed body.
fn parts<'a>(what: &str, file: &'a [u8]) -> Result<(SnapshotHeader, &'a [u8]), StoreError> {
    let damaged = |why| StoreError::Damaged { what: what.to_owned(), why };
    let rest = file.strip_prefix(MAGIC).ok_or_else(|| damaged("it is no snapshot"))?;
    let (version, _) = rest.split_first_chunk().ok_or_else(|| damaged("it is cut off"))?;
    let found = u16::from_le_bytes(*version);
    // Before the checksum: a newer container may place it elsewhere.
    if found > CONTAINER_VERSION {
        let known = CONTAINER_VERSION;
        return Err(StoreError::Newer { what: what.to_owned(), found, known });
    }
    let (signed, checksum) =
        file.split_last_chunk::<CHECKSUM>().ok_or_else(|| damaged("it is cut off"))?;
    if blake3::hash(signed) != *checksum {
        return Err(damaged("its checksum is wrong"));
    }
    let rest = signed.get(10..).ok_or_else(|| damaged("it is cut off"))?;
    let (length, rest) = rest.split_first_chunk().ok_or_else(|| damaged("it is cut off"))?;
    let length = u32::from_le_bytes(*length) as usize;
    if length > HEADER_BYTES_MAX || length > rest.len() {
        return Err(damaged("its header is too long"));
    }
    let (json, body) = rest.split_at(length);
    let header = serde_json::from_slice(json).map_err(|_| damaged("its header is unreadable"))?;
    Ok((header, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cut_and_every_flipped_byte_is_noticed() {
        let body: Vec<u8> = (0..2_000_u32).flat_map(u32::to_le_bytes).collect();
        let header = SnapshotHeader { offset: 7, ..SnapshotHeader::default() };
        let file = write(header.clone(), &body, 1).unwrap();
        let (back, restored) = read("x", &file, 1).unwrap();
        assert_eq!((back.offset, back.body_bytes, &restored), (7, 8_000, &body));
        for n in 0..file.len() {
            assert!(read("x", &file[..n], 1).is_err(), "cut at {n}");
        }
        for at in 0..file.len() {
            let mut bent = file.clone();
            bent[at] ^= 0x10;
            assert!(read("x", &bent, 1).is_err(), "flipped at {at}");
        }
    }

    #[test]
    fn newer_layouts_are_named_and_still_described() {
        let newer =
            SnapshotHeader { format: 9, program: "9.0.0".to_owned(), ..SnapshotHeader::default() };
        let mut file = write(newer, b"body", 1).unwrap();
        let error = read("x", &file, 1).unwrap_err();
        assert!(matches!(error, StoreError::Newer { found: 9, known: 1, .. }), "{error}");
        assert_eq!(read_header("x", &file).unwrap().program, "9.0.0");
        file[8] = 2;
        let error = read("x", &file, 1).unwrap_err();
        assert!(matches!(error, StoreError::Newer { found: 2, known: 1, .. }), "{error}");
    }

    /// A file with a valid checksum around a header that lies.
    fn forged(header: &str, body: &[u8]) -> Vec<u8> {
        let mut file = MAGIC.to_vec();
        file.extend_from_slice(&CONTAINER_VERSION.to_le_bytes());
        file.extend_from_slice(&(header.len() as u32).to_le_bytes());
        file.extend_from_slice(header.as_bytes());
        file.extend_from_slice(body);
        let checksum = blake3::hash(&file);
        file.extend_from_slice(checksum.as_bytes());
        file
    }

    #[test]
    fn a_hostile_file_allocates_no_more_than_it_holds() {
        let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 1).unwrap();
        let small = forged(r#"{"format":1,"body_bytes":100}"#, &bomb);
        assert!(matches!(read("x", &small, 1), Err(StoreError::Damaged { .. })));
        let huge = forged(r#"{"format":1,"body_bytes":18446744073709551615}"#, &bomb);
        assert!(matches!(read("x", &huge, 1), Err(StoreError::TooLarge { .. })));
        let claimed = forged(r#"{"format":1,"body_bytes":4294967296}"#, &bomb);
        assert!(matches!(read("x", &claimed, 1), Err(StoreError::Damaged { .. })));
        let text = forged("not json", &bomb);
        assert!(matches!(read("x", &text, 1), Err(StoreError::Damaged { .. })));
    }
}
