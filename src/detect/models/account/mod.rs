//! Models that hold an account against its own past and its peers.

pub(super) mod amount_z;
pub(super) mod burst;
pub(super) mod creep;
pub(super) mod peer_z;
pub(super) mod receiver_ewma;
