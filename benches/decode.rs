//! Benches of decode.

fn main() {}
