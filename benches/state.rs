//! Benches of state.

fn main() {}
