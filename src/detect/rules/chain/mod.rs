//! Rules about the chain itself: rivals for one place, and blocks that left it.

pub(super) mod double_spend_attempt;
pub(super) mod nonce_replaced;
pub(super) mod reorg_depth;
