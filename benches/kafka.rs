//! Benches of kafka.

fn main() {}
