//! A transaction before it is mined: who wants what, without nonce, hash, index and fees.

/// An EVM address.
pub(in crate::sim) type Addr = [u8; 20];

/// Wei in one ether.
pub(super) const WEI: f64 = 1e18;

/// One wish to transact.
#[derive(Clone, Debug)]
pub(in crate::sim) struct EvmDraft {
    pub(in crate::sim) from: Addr,
    /// `None` creates a contract.
    pub(in crate::sim) to: Option<Addr>,
    pub(in crate::sim) value_wei: u128,
    pub(in crate::sim) input: Vec<u8>,
    /// Logs that it leaves when it succeeds.
    pub(in crate::sim) effects: Vec<Effect>,
    pub(in crate::sim) is_failed: bool,
    /// Published without a block: it takes no nonce, so that the next one replaces it.
    pub(in crate::sim) is_pending: bool,
    /// Priority fee in gwei; `None` pays what everybody pays.
    pub(in crate::sim) tip_gwei: Option<f64>,
    pub(in crate::sim) incident: Option<usize>,
}

/// A log with a meaning.
#[derive(Clone, Debug)]
pub(in crate::sim) enum Effect {
    Transfer { token: Addr, from: Addr, to: Addr, amount: u128 },
    Approval { token: Addr, owner: Addr, spender: Addr, amount: u128 },
}

impl EvmDraft {
    /// Makes a plain payment.
    pub(in crate::sim) fn pay(from: Addr, to: Addr, ether: f64) -> Self {
        Self {
            from,
            to: Some(to),
            value_wei: wei(ether),
            input: Vec::new(),
            effects: Vec::new(),
            is_failed: false,
            is_pending: false,
            tip_gwei: None,
            incident: None,
        }
    }

    /// Makes a contract call with a selector and arguments of 32 bytes each.
    pub(in crate::sim) fn call(
        from: Addr,
        to: Addr,
        selector: [u8; 4],
        words: &[[u8; 32]],
    ) -> Self {
        let mut draft = Self::pay(from, to, 0.0);
        draft.input.extend(selector);
        for word in words {
            draft.input.extend(word);
        }
        draft
    }

    /// Makes an ERC-20 `transfer`.
    pub(in crate::sim) fn token(from: Addr, token: Addr, to: Addr, amount: u128) -> Self {
        let mut draft =
            Self::call(from, token, [0xa9, 0x05, 0x9c, 0xbb], &[pad(&to), word(amount)]);
        draft.effects.push(Effect::Transfer { token, from, to, amount });
        draft
    }

    /// Makes an ERC-20 `approve`.
    pub(in crate::sim) fn approve(owner: Addr, token: Addr, spender: Addr) -> Self {
        let amount = u128::MAX;
        let args = [pad(&spender), word(amount)];
        let mut draft = Self::call(owner, token, [0x09, 0x5e, 0xa7, 0xb3], &args);
        draft.effects.push(Effect::Approval { token, owner, spender, amount });
        draft
    }
}

/// Turns ether into wei; the simulator's amounts need no more than the 53 bits of an `f64`.
pub(in crate::sim) fn wei(ether: f64) -> u128 {
    (ether * WEI) as u128
}

/// Left-pads an address to a word of the ABI.
pub(super) fn pad(address: &Addr) -> [u8; 32] {
    let mut out = [0; 32];
    out[12..].copy_from_slice(address);
    out
}

/// Writes an integer as a word of the ABI.
pub(super) fn word(value: u128) -> [u8; 32] {
    let mut out = [0; 32];
    out[16..].copy_from_slice(&value.to_be_bytes());
    out
}
