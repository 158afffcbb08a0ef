//! Who has paid whom: recent transfers, pairs, entities, and where money comes from.

pub(super) mod edges;
pub(super) mod entities;
pub(super) mod taint;
pub(super) mod transfers;
