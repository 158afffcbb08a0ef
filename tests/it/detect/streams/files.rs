//! Readers of the published series: zip archives, and numpy's arrays in them.

use flate2::read::DeflateDecoder;
use std::{fs, io::Read, path::Path};

/// Reads one member of a zip archive.
///
/// # Source
/// PKWARE APPNOTE 4.3: the central directory is found from its end record; sizes in the local
/// header may be missing, those in the directory are not.
pub fn member(archive: &Path, name: &str) -> Vec<u8> {
    let bytes = fs::read(archive).unwrap();
    let number = |at: usize, n: usize| {
        (0..n).rev().fold(0usize, |sum, k| sum << 8 | usize::from(bytes[at + k]))
    };
    let end = (0..bytes.len() - 21).rev().find(|at| bytes[*at..].starts_with(b"PK\x05\x06"));
    let end = end.expect("a zip archive ends with a directory");
    let mut at = number(end + 16, 4);
    for _ in 0..number(end + 10, 2) {
        assert!(bytes[at..].starts_with(b"PK\x01\x02"));
        let [n_name, n_extra, n_comment] = [28, 30, 32].map(|k| number(at + k, 2));
        if bytes[at + 46..][..n_name] == *name.as_bytes() {
            let (method, n_packed, local) =
                (number(at + 10, 2), number(at + 20, 4), number(at + 42, 4));
            let start = local + 30 + number(local + 26, 2) + number(local + 28, 2);
            let packed = &bytes[start..start + n_packed];
            let mut out = Vec::with_capacity(number(at + 24, 4));
            match method {
                0 => out.extend_from_slice(packed),
                8 => _ = DeflateDecoder::new(packed).read_to_end(&mut out).unwrap(),
                other => panic!("{name} is packed by method {other}"),
            }
            return out;
        }
        at += 46 + n_name + n_extra + n_comment;
    }
    panic!("{} has no {name}", archive.display());
}

/// Points with labels.
pub struct Points {
    pub n_columns: usize,
    /// Row-major.
    pub data: Vec<f64>,
    pub is_outlier: Vec<bool>,
}

impl Points {
    /// Reads the arrays X and y of an npz file.
    pub fn read(path: &Path) -> Self {
        let (shape, columns) = array(&member(path, "X.npy"));
        let (_, labels) = array(&member(path, "y.npy"));
        let [n_rows, n_columns] = shape[..] else { panic!("X is no matrix") };
        // The arrays are in Fortran's order, column by column.
        let at = |row: usize, column: usize| columns[column * n_rows + row];
        let data = (0..n_rows * n_columns).map(|k| at(k / n_columns, k % n_columns)).collect();
        assert_eq!(labels.len(), n_rows);
        Self { n_columns, data, is_outlier: labels.iter().map(|y| *y > 0.5).collect() }
    }

    pub fn len(&self) -> usize {
        self.is_outlier.len()
    }

    pub fn row(&self, idx: usize) -> &[f64] {
        &self.data[idx * self.n_columns..][..self.n_columns]
    }
}

/// Reads an npy array as numbers, with its shape.
///
/// # Source
/// numpy.lib.format, version 1.0.
fn array(bytes: &[u8]) -> (Vec<usize>, Vec<f64>) {
    assert!(bytes.starts_with(b"\x93NUMPY\x01\x00"));
    let n_header = usize::from(bytes[8]) | usize::from(bytes[9]) << 8;
    let header = std::str::from_utf8(&bytes[10..10 + n_header]).unwrap();
    let after = |key: &str| header.split_once(key).unwrap().1;
    let shape = after("'shape': (").split_once(')').unwrap().0;
    let shape: Vec<usize> = shape.split(',').filter_map(|n| n.trim().parse().ok()).collect();
    assert!(shape.len() == 1 || after("'fortran_order': ").starts_with("True"));
    let body = &bytes[10 + n_header..];
    let numbers: Vec<f64> = match &after("'descr': '")[..3] {
        "<f8" => body.chunks_exact(8).map(|b| f64::from_le_bytes(b.try_into().unwrap())).collect(),
        "<i8" => {
            body.chunks_exact(8).map(|b| i64::from_le_bytes(b.try_into().unwrap()) as f64).collect()
        }
        "<i2" => body.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]]).into()).collect(),
        other => panic!("unknown numbers {other}"),
    };
    assert_eq!(numbers.len(), shape.iter().product::<usize>());
    (shape, numbers)
}
