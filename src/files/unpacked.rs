//! Opens files of text however they are packed: by their first bytes, whatever their name says.

use std::{
    fs::File,
    io::{self, Chain, Cursor, Read},
    path::Path,
};

/// Memory that unpacking xz may take, in KiB: its largest preset takes 65 MiB.
const XZ_KIB_MAX: u32 = 256 << 10;

/// Bytes by which a file is recognised.
const HEAD_BYTES: usize = 8;

/// What is no text, and is not read: the first bytes, and what it is.
const FOREIGN: &[(&[u8], &str)] = &[
    (b"BZh", "bzip2"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"\xff\x06\x00\x00sNaP", "snappy"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"PAR1", "Parquet"),
    (b"Obj\x01", "Avro"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
];

/// The mark that some programs put before UTF-8.
const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

/// A file that is read as the text it holds.
pub struct Unpacked {
    pub input: Box<dyn Read>,
    /// Its name without the ending that says how it is packed.
    pub stem: String,
}

/// Opens a file, `-` being standard input: gzip, xz and zstd are unpacked, a UTF-8 mark is left
/// out.
///
/// # Errors
/// When it cannot be opened, or holds what is not read.
pub fn unpack(path: &Path) -> io::Result<Unpacked> {
    if path == Path::new("-") {
        let input = unpack_from(Box::new(io::stdin()))?;
        return Ok(Unpacked { input, stem: "-".to_owned() });
    }
    let input = unpack_from(Box::new(File::open(path)?))?;
    let name = path.to_string_lossy();
    let endings = [".gz", ".xz", ".zst"];
    let stem = endings.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(&name);
    Ok(Unpacked { input, stem: stem.to_owned() })
}

/// As [`unpack`], of what has no name.
///
/// # Errors
/// When it cannot be read, or holds what is not read.
pub fn unpack_from(packed: Box<dyn Read>) -> io::Result<Box<dyn Read>> {
    let (head, packed) = peek(packed)?;
    let is = |magic: &[u8]| head.starts_with(magic);
    let text: Box<dyn Read> = if is(b"\x1f\x8b") {
        Box::new(flate2::read::MultiGzDecoder::new(packed))
    } else if is(b"\xfd7zXZ\x00") {
        Box::new(lzma_rust2::XzReader::new_mem_limit(packed, true, XZ_KIB_MAX))
    } else if is(b"\x28\xb5\x2f\xfd") {
        Box::new(zstd::stream::read::Decoder::new(packed)?)
    } else {
        Box::new(packed)
    };
    let (head, mut text) = peek(text)?;
    if let Some((_, what)) = FOREIGN.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("it is {what}: text is read, plain or packed with gzip, xz or zstd"),
        ));
    }
    if head.starts_with(UTF8_MARK) {
        text.read_exact(&mut [0; UTF8_MARK.len()])?;
    }
    Ok(Box::new(text))
}

type Peeked = Chain<Cursor<Vec<u8>>, Box<dyn Read>>;

/// Reads the first bytes, and returns them with a reader that gives them once more.
fn peek(mut input: Box<dyn Read>) -> io::Result<(Vec<u8>, Peeked)> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    input.by_ref().take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok((head.clone(), Cursor::new(head).chain(input)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn read(bytes: &[u8]) -> io::Result<String> {
        let mut text = String::new();
        unpack_from(Box::new(Cursor::new(bytes.to_vec())))?.read_to_string(&mut text)?;
        Ok(text)
    }

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        packer.write_all(text).unwrap();
        packer.finish().unwrap()
    }

    #[test]
    fn text_is_read_however_it_is_packed() {
        let zstd = |text: &[u8]| zstd::stream::encode_all(text, 3).unwrap();
        let members = [gzip(b"{}\n"), gzip(b"[1]")].concat();
        for (name, bytes, text) in [
            ("plain", b"{}\n[1]".to_vec(), "{}\n[1]"),
            ("empty", Vec::new(), ""),
            ("shorter than any head", b"{}".to_vec(), "{}"),
            ("gzip", gzip(b"{}\n[1]"), "{}\n[1]"),
            ("gzip of two members", members, "{}\n[1]"),
            ("gzip of nothing", gzip(b""), ""),
            ("zstd", zstd(b"{}"), "{}"),
            ("marked", b"\xef\xbb\xbf{}".to_vec(), "{}"),
            ("marked, then packed", gzip(b"\xef\xbb\xbf{}"), "{}"),
            ("a mark alone", b"\xef\xbb\xbf".to_vec(), ""),
        ] {
            assert_eq!(read(&bytes).unwrap(), text, "{name}");
        }
    }

    #[test]
    fn what_is_not_read_is_named() {
        for (bytes, what) in [
            (&b"BZh91AY&SY"[..], "bzip2"),
            (b"PK\x03\x04rest", "zip"),
            (b"\xff\xfe{\x00}\x00", "UTF-16"),
            (b"PAR1rest", "Parquet"),
        ] {
            assert!(read(bytes).unwrap_err().to_string().contains(what), "{what}");
        }
        assert!(read(&gzip(b"PAR1rest")).unwrap_err().to_string().contains("Parquet"));
        let cut = gzip(b"{\"a\": 1}");
        assert!(read(&cut[..cut.len() - 6]).is_err(), "a stream that ends early is no end");
    }
}
