//! Raw Bitcoin transactions, blocks and headers, as bytes or as hex text.
//!
//! # Source
//! Bitcoin Core's serialization; BIP 34 (heights), BIP 141 and 144 (witnesses).

use crate::{
    decode::{
        Limits, Reason, Refusal,
        json::{
            Value,
            field::{Reader, refuse},
            keys::Field,
        },
        utxo::{
            block::{self, BlockHeader, HEADER_BYTES},
            money::{check_output, check_sums},
            script::{classify, without_tokens},
            wire::{Cursor, RawTx, lone_tx},
        },
        value::{hex, time},
    },
    model::{
        BlockStep, Body, Chain, Clock, Coin, Event, EventTime, HeaderRecipe, Inclusion, Quality,
        ScriptType, Step, Tx, TxBody, TxIn, TxOut, TxRecipe, UtxoTx,
    },
};

/// Bytes of the smallest transaction: one input, one output, no scripts.
const TX_BYTES_MIN: usize = 60;
/// Magic numbers in front of blocks in a node's files: main, three test networks and regtest, then
/// Litecoin, Dogecoin, Bitcoin Cash.
const MAGICS: [[u8; 4]; 8] = [
    [0xf9, 0xbe, 0xb4, 0xd9],
    [0x0b, 0x11, 0x09, 0x07],
    [0x1c, 0x16, 0x3f, 0x28],
    [0x0a, 0x03, 0xcf, 0x40],
    [0xfa, 0xbf, 0xb5, 0xda],
    [0xfb, 0xc0, 0xb6, 0xdb],
    [0xc0, 0xc0, 0xc0, 0xc0],
    [0xe3, 0xe1, 0xf3, 0xe8],
];

/// Reads a transaction, a block or a header.
pub(in crate::decode) fn read(
    value: &[u8],
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let no_hex = || refuse(Reason::BadBinary, "text that is not hex bytes");
    let unpacked = hex::unpack(value).ok_or_else(no_hex)?;
    let bytes = &*unpacked;
    let framed = unframe(bytes)?;
    let coin = Coin::of(&reader.settings.chain);
    if let Some(block) = framed.or_else(|| is_block(bytes, coin, reader.limits()).then_some(bytes))
    {
        return read_block(block, reader, events);
    }
    let refusal = match lone_tx(bytes, recipe(reader), reader.limits()) {
        Ok(tx) => {
            reader.quality |= Quality::ID_COMPUTED;
            let body = body(&tx, reader)?;
            let time = time::kafka_time(reader);
            events.push(event(&tx, body, None, (time, Clock::Kafka), reader.quality));
            return Ok(());
        }
        Err(refusal) => refusal,
    };
    // Nothing but its work tells a header from any other eighty bytes; where that was done in
    // another way, they are taken for one.
    let is_other =
        coin.is_some_and(|coin| !coin.has_own_work || coin.header != HeaderRecipe::Plain);
    let header = <&[u8; HEADER_BYTES]>::try_from(bytes).map(BlockHeader::of).ok();
    match header.filter(|header| is_other || header.has_work()) {
        Some(header) => read_header(&header, reader, events),
        None => Err(refusal),
    }
}

/// Returns how the chain's transactions are encoded: like Bitcoin's where nothing is known.
fn recipe(reader: &Reader<'_>) -> TxRecipe {
    Coin::of(&reader.settings.chain).map_or(TxRecipe::Bitcoin, |coin| coin.tx)
}

/// Strips the magic number and the length that a node's block files put in front.
fn unframe(bytes: &[u8]) -> Result<Option<&[u8]>, Refusal> {
    let Some((magic, rest)) = bytes.split_first_chunk::<4>() else { return Ok(None) };
    if !MAGICS.contains(magic) {
        return Ok(None);
    }
    match rest.split_first_chunk::<4>() {
        Some((len, block)) if u32::from_le_bytes(*len) as usize == block.len() => Ok(Some(block)),
        _ => Err(refuse(Reason::BadBinary, "the block is not as long as its frame says")),
    }
}

/// Returns whether behind a header's length there is a count and a coinbase: an input that spends
/// nothing. Where work is merged, that of another chain may stand between.
fn is_block(bytes: &[u8], coin: Option<&Coin>, limits: &Limits) -> bool {
    let Some((header, behind)) = bytes.split_first_chunk::<HEADER_BYTES>() else { return false };
    let mut cursor = Cursor::new(behind);
    if is_merged(&BlockHeader::of(header), coin) && block::skip_merged(&mut cursor, limits).is_err()
    {
        return false;
    }
    let Ok(1..) = cursor.count() else { return false };
    let Ok(mut rest) = cursor.take(cursor.n_left()) else { return false };
    rest = rest.get(4..).unwrap_or_default();
    rest = rest.strip_prefix(&[0, 1]).unwrap_or(rest);
    let is_null = |outpoint: &[u8]| outpoint == [&[0; 32][..], &[0xff; 4]].concat();
    rest.first() == Some(&1) && rest.get(1..37).is_some_and(is_null)
}

/// Returns whether another chain's work stands behind a header.
fn is_merged(header: &BlockHeader, coin: Option<&Coin>) -> bool {
    header.is_merged() && coin.is_some_and(|coin| coin.header == HeaderRecipe::Merged)
}

fn read_header(
    header: &BlockHeader,
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let (time, clock) = check_header(header, reader)?;
    reader.quality |= Quality::PARTIAL;
    let body = Body::Block(Box::new(step(header, None, None)));
    events.push(Event { time, clock, quality: reader.quality, body });
    Ok(())
}

fn read_block(
    bytes: &[u8],
    reader: &mut Reader<'_>,
    events: &mut Vec<Event>,
) -> Result<(), Refusal> {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Err(refuse(Reason::BadBinary, "shorter than a block's header"));
    };
    let header = BlockHeader::of(header);
    let at = check_header(&header, reader)?;
    let mut cursor = Cursor::of(rest, recipe(reader));
    if is_merged(&header, Coin::of(&reader.settings.chain)) {
        block::skip_merged(&mut cursor, reader.limits())?;
    }
    let txs = transactions(cursor, reader)?;
    let checks = reader.limits().checks;
    let merkle = block::check_merkle(txs.iter().map(|tx| tx.id), &header.merkle_root);
    let merkle = merkle.and_then(|()| block::check_witnesses(&txs));
    if reader.weigh(merkle, checks.merkle)? {
        reader.quality |= Quality::HASH_VERIFIED;
    }
    let chain = &reader.settings.chain;
    let height = block::height(&header, &txs[0], &*chain.id == Chain::BITCOIN);
    // Without a height nothing can be placed in the chain.
    reader.or_partial(height);
    let quality = reader.quality;
    let body = Body::Block(Box::new(step(&header, height, u32::try_from(txs.len()).ok())));
    events.push(Event { time: at.0, clock: at.1, quality, body });
    for (i, tx) in txs.iter().enumerate() {
        let index = u32::try_from(i).ok();
        let inclusion = height.map(|height| Inclusion { height, block: Some(header.hash), index });
        reader.alone(("transactions", i), events, |reader, events| {
            let body = self::body(tx, reader)?;
            let quality = quality | reader.quality & Quality::CHECK_FAILED;
            events.push(event(tx, body, inclusion, at, quality));
            Ok(())
        });
    }
    Ok(())
}

/// Reads the transactions behind a header: at least one, and behind them nothing but an extension
/// block that the last one sums up, which is not read.
fn transactions<'a>(
    mut cursor: Cursor<'a>,
    reader: &mut Reader<'_>,
) -> Result<Vec<RawTx<'a>>, Refusal> {
    let n = cursor.count()?;
    if n == 0 || n > (cursor.n_left() / TX_BYTES_MIN) as u64 {
        return Err(refuse(Reason::BadBinary, "a count of transactions that cannot follow"));
    }
    let mut txs = Vec::new();
    for _ in 0..n {
        txs.push(cursor.tx(reader.limits())?);
    }
    if txs.last().is_some_and(|tx: &RawTx<'_>| tx.has_extension) {
        reader.quality |= Quality::PARTIAL;
    } else {
        cursor.end()?;
    }
    Ok(txs)
}

/// Checks a header's work and time.
fn check_header(
    header: &BlockHeader,
    reader: &mut Reader<'_>,
) -> Result<(EventTime, Clock), Refusal> {
    let coin = Coin::of(&reader.settings.chain);
    if let Some(coin) = coin.filter(|coin| coin.header == HeaderRecipe::Other) {
        let symbol = coin.symbol;
        let detail = format!("{symbol} blocks have ids that raw headers do not give: use bitcoind");
        return Err(refuse(Reason::UnknownFormat, &detail));
    }
    // Other chains hash their work with scrypt, or have it done by another chain.
    let has_own_work = coin.is_some_and(|coin| coin.has_own_work) && !is_merged(header, coin);
    if has_own_work && !header.has_work() {
        let checked = Err(refuse(Reason::CheckFailed, "the block's hash is above its own target"));
        reader.weigh(checked, reader.limits().checks.work)?;
    }
    let seconds = Field { name: "time", value: Value::Whole(u64::from(header.time)) };
    time::block_time(seconds, None, reader)
}

fn step(header: &BlockHeader, height: Option<u64>, n_transactions: Option<u32>) -> BlockStep {
    BlockStep {
        step: Step::Committed,
        height,
        hash: header.hash,
        parent: Some(header.parent),
        n_transactions,
        base_fee_per_gas: None,
        gas_used: None,
        gas_limit: None,
    }
}

fn event(
    tx: &RawTx<'_>,
    body: UtxoTx,
    inclusion: Option<Inclusion>,
    (time, clock): (EventTime, Clock),
    quality: Quality,
) -> Event {
    let tx = Tx { id: tx.id, body: TxBody::Utxo(body), inclusion, outcome: None };
    Event { time, clock, quality, body: Body::Tx(Box::new(tx)) }
}

/// Makes the model's transaction of a raw one.
///
/// Inputs say only what they spend: values and accounts are known to who has seen those outputs.
pub(in crate::decode) fn body(tx: &RawTx<'_>, reader: &mut Reader<'_>) -> Result<UtxoTx, Refusal> {
    let chain = &reader.settings.chain;
    let is_coinbase = tx.is_coinbase();
    let inputs = tx.inputs.iter().filter(|_| !is_coinbase).map(|input| TxIn {
        outpoint: Some(input.outpoint),
        sequence: Some(input.sequence),
        value: None,
        address: None,
        script_type: ScriptType::Other,
    });
    let mut outputs = Vec::with_capacity(tx.outputs.len());
    for (i, output) in tx.outputs.iter().enumerate() {
        check_output(output.value, chain)?;
        let script = without_tokens(output.script, chain);
        let (script_type, address) = classify(script, chain);
        let script = hex::digest_bytes(script);
        outputs.push(TxOut {
            index: u32::try_from(i).unwrap_or(u32::MAX),
            value: output.value,
            address,
            script_type,
            script_digest: script.digest,
            script_len: script.n_bytes,
        });
    }
    let mut utxo = UtxoTx {
        inputs: inputs.collect(),
        outputs,
        is_coinbase,
        version: Some(tx.version),
        lock_time: Some(tx.lock_time),
        size: u32::try_from(tx.n_bytes).ok(),
        virtual_size: u32::try_from(tx.n_virtual_bytes).ok(),
        has_hidden_value: false,
    };
    check_sums(&mut utxo, reader)?;
    Ok(utxo)
}
