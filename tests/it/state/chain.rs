//! Hand-made transactions and blocks, and a seeded generator of branches.

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use txwarden::model::{
    Address, Amount, BlockHash, BlockStep, Body, Calldata, Clock, Event, EventTime, EvmTx, Hash32,
    Inclusion, OutPoint, Quality, ScriptType, Step, TokenAmount, TokenStandard, Transfer,
    TransferSource, Tx, TxBody, TxId, TxIn, TxOut, UtxoTx,
};

/// One block with everything in it, in order.
#[derive(Clone, Debug)]
pub struct Block {
    pub height: u64,
    pub hash: BlockHash,
    pub events: Vec<Event>,
}

pub fn at(secs: i64) -> EventTime {
    EventTime::from_secs(secs)
}

pub fn address(n: u8) -> Address {
    let mut bytes = [n; 20];
    bytes[0] = 0xaa;
    Address::Evm(bytes)
}

pub fn tx_id(n: u64) -> TxId {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&n.to_be_bytes());
    Hash32(bytes)
}

pub fn block_hash(height: u64, branch: u64) -> BlockHash {
    let mut bytes = [9; 32];
    bytes[16..24].copy_from_slice(&branch.to_be_bytes());
    bytes[24..].copy_from_slice(&height.to_be_bytes());
    bytes[31] ^= branch as u8;
    Hash32(bytes)
}

fn event(body: Body) -> Event {
    Event { time: at(1_000), clock: Clock::Block, quality: Quality::default(), body }
}

/// A pending transaction.
pub fn evm(n: u64, from: Address, to: Address, wei: u128) -> Event {
    let body = TxBody::Evm(EvmTx {
        from,
        to: Some(to),
        value: Amount::from_u128(wei),
        nonce: Some(n),
        gas_limit: None,
        gas_price: Some(Amount::from_u64(20 + n % 7)),
        max_fee_per_gas: None,
        max_priority_fee_per_gas: None,
        max_fee_per_blob_gas: None,
        n_blobs: 0,
        n_authorizations: 0,
        n_access_entries: 0,
        tx_type: None,
        input: Calldata::default(),
        client_id: None,
    });
    event(Body::Tx(Box::new(Tx { id: tx_id(n), body, inclusion: None, outcome: None })))
}

/// A pending transaction; inputs are (transaction, index, owner, value), outputs (owner, value); an
/// input of owner 0 says neither owner nor value.
pub fn utxo(n: u64, inputs: &[(u64, u32, u8, u64)], outputs: &[(u8, u64)]) -> Event {
    let input = |&(tx, index, owner, value): &(u64, u32, u8, u64)| TxIn {
        outpoint: Some(OutPoint { tx: tx_id(tx), index }),
        sequence: None,
        value: (owner > 0).then_some(value),
        address: (owner > 0).then(|| address(owner)),
        script_type: ScriptType::PubkeyHash,
    };
    let output = |(index, &(owner, value)): (usize, &(u8, u64))| TxOut {
        index: index as u32,
        value,
        address: Some(address(owner)),
        script_type: ScriptType::PubkeyHash,
        script_digest: u64::from(owner),
        script_len: 25,
    };
    let body = TxBody::Utxo(UtxoTx {
        inputs: inputs.iter().map(input).collect(),
        outputs: outputs.iter().enumerate().map(output).collect(),
        is_coinbase: inputs.is_empty(),
        version: Some(1 + (n % 2) as i32),
        lock_time: Some((n % 3) as u32),
        size: None,
        virtual_size: Some(200),
        has_hidden_value: false,
    });
    event(Body::Tx(Box::new(Tx { id: tx_id(n), body, inclusion: None, outcome: None })))
}

pub fn token_transfer(n: u64, index: u32, from: Address, to: Address, amount: u64) -> Event {
    event(Body::Transfer(Box::new(Transfer {
        tx: Some(tx_id(n)),
        source: TransferSource::Log(index),
        token: Some(address(200)),
        standard: TokenStandard::Erc20,
        from,
        to,
        amount: TokenAmount::Amount(Amount::from_u64(amount)),
        inclusion: None,
    })))
}

/// A block step whose parent is on another branch, maybe.
pub fn block(height: u64, branch: u64, parent_branch: u64) -> Event {
    event(Body::Block(Box::new(BlockStep {
        step: Step::Committed,
        height: Some(height),
        hash: block_hash(height, branch),
        parent: Some(block_hash(height - 1, parent_branch)),
        n_transactions: None,
        base_fee_per_gas: Some(Amount::from_u64(10 + height % 5)),
        gas_used: None,
        gas_limit: None,
    })))
}

/// Puts an event into a block.
pub fn included(event: &mut Event, height: u64, branch: u64) {
    let place = Some(Inclusion { height, block: Some(block_hash(height, branch)), index: None });
    match &mut event.body {
        Body::Tx(tx) => tx.inclusion = place,
        Body::Transfer(transfer) => transfer.inclusion = place,
        _ => unreachable!("blocks have their place"),
    }
}

/// Makes a block of random transactions on a branch.
///
/// Transactions of different branches overlap in id, so that re-inclusions are common.
pub fn random_block(height: u64, branch: u64, parent_branch: u64, is_evm: bool) -> Block {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(height << 20 | branch);
    let mut events = vec![block(height, branch, parent_branch)];
    for _ in 0..rng.gen_range(1..8) {
        // A transaction's content follows from its number alone; which ones are in is by branch.
        let n = height * 16 + rng.gen_range(0..16);
        let mut made = random_tx(n, is_evm);
        made.iter_mut().for_each(|event| included(event, height, branch));
        events.extend(made);
    }
    let time = at(1_000_000 + height as i64 * 613);
    events.iter_mut().for_each(|event| event.time = time);
    Block { height, hash: block_hash(height, branch), events }
}

fn random_tx(n: u64, is_evm: bool) -> Vec<Event> {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(n);
    let mut account = || rng.gen_range(1..60u8);
    let (a, b, c) = (account(), account(), account());
    let value = rng.gen_range(0..3_000_000u64);
    if is_evm {
        let transfer = token_transfer(n, 1, address(a), address(b), value);
        return vec![evm(n, address(b), address(c), u128::from(value) << 40), transfer];
    }
    let spent = n.saturating_sub(rng.gen_range(1..64));
    let owner = if rng.gen_bool(0.5) { a } else { 0 };
    // Two owners at times, so that entities are made and undone.
    let other = if owner > 0 { c } else { 0 };
    let inputs = [(spent, 0, owner, value), (spent, 1, other, value / 2)];
    let n_inputs = rng.gen_range(0..=2);
    vec![utxo(n, &inputs[..n_inputs], &[(b, value), (c, value / 3)])]
}
