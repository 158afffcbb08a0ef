//! Benches of engine.

fn main() {}
