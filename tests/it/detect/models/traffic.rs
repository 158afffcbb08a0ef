//! Seeded events with planted anomalies of one kind: what each model has to tell apart.

use txwarden::{
    ml::splitmix::mix,
    model::{
        Address, Amount, Body, Calldata, Chain, Clock, Event, EventTime, EvmTx, Hash32, Inclusion,
        OutPoint, Quality, ScriptType, Tx, TxBody, TxIn, TxOut, UtxoTx,
    },
};

/// Nothing is planted before: by then every model has warmed up and fits have taken over.
pub const WARM_UP_EVENTS: usize = 4_200;

const EVENTS: usize = 6_000;

/// What is planted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scenario {
    /// A new account takes small payments from accounts never seen before.
    Collector,
    /// An ordinary account makes many payments within minutes.
    Burst,
    /// Payments a thousand times their sender's habit.
    LargeForSender,
    /// Payments larger than all others.
    LargeForAll,
    /// Four hundred transactions within ten minutes.
    Flood,
    /// Creations with unusual value, digits and price.
    Strange,
    /// A small group of alike transactions, from the start.
    Pocket,
    /// One user pays a little more each time: no step is large.
    Creep,
}

pub struct Planted {
    pub event: Event,
    pub is_planted: bool,
}

pub struct Traffic {
    pub chain: Chain,
    pub events: Vec<Planted>,
}

/// One payment to be made into an event.
struct Payment {
    from: u64,
    to: Option<u64>,
    value: f64,
    n_bytes: u32,
    gap_secs: i64,
}

impl Traffic {
    /// Makes EVM traffic: 200 users with habits of their own pay 30 shops and each other.
    pub fn evm(scenario: Scenario) -> Self {
        let mut time = EventTime::from_secs(1_736_121_600);
        let mut events = Vec::new();
        // Habits take weeks.
        let stretch = if scenario == Scenario::Creep { 20 } else { 1 };
        for n in 0..EVENTS as u64 {
            let is_planted = is_planted(scenario, n);
            let payment = if is_planted { planted(scenario, n) } else { ordinary(n) };
            time = time.plus(stretch * payment.gap_secs * EventTime::SECOND);
            events.push(Planted { event: evm(n, time, &payment), is_planted });
        }
        Self { chain: Chain::parse(Chain::ETHEREUM).unwrap(), events }
    }

    /// Makes UTXO traffic of payments with change, nothing planted.
    pub fn utxo() -> Self {
        let mut time = EventTime::from_secs(1_736_121_600);
        let events = (0..5_000).map(|n| {
            time = time.plus(20 * EventTime::SECOND);
            Planted { event: utxo(n, time), is_planted: false }
        });
        Self { events: events.collect(), chain: Chain::parse(Chain::BITCOIN).unwrap() }
    }
}

fn unit(n: u64, salt: u64) -> f64 {
    mix(n.wrapping_mul(31) ^ (salt << 40)) as f64 / u64::MAX as f64
}

fn pick(n: u64, salt: u64, of: u64) -> u64 {
    mix(n.wrapping_mul(31) ^ (salt << 40)) % of
}

fn is_planted(scenario: Scenario, n: u64) -> bool {
    let since = n.checked_sub(WARM_UP_EVENTS as u64 + 100);
    match scenario {
        Scenario::Pocket => n % 40 == 7,
        Scenario::Burst => since.is_some_and(|s| s % 300 < 60),
        Scenario::Flood => since.is_some_and(|s| (200..600).contains(&s)),
        _ => since.is_some_and(|s| s % 25 == 0),
    }
}

/// A user's habit: from 0.01 to 10 units, within a factor of two.
fn habit(user: u64, n: u64) -> f64 {
    libm::exp10(3.0 * unit(user, 1) - 2.0 + 0.3 * (unit(n, 2) - 0.5))
}

fn ordinary(n: u64) -> Payment {
    let from = pick(n, 3, 200);
    let to = if pick(n, 4, 4) > 0 { 1_000 + pick(n, 5, 30) } else { pick(n, 6, 200) };
    let value = habit(from, n);
    Payment { from, to: Some(to), value, n_bytes: 0, gap_secs: 10 + pick(n, 7, 21) as i64 }
}

fn planted(scenario: Scenario, n: u64) -> Payment {
    let usual = ordinary(n);
    match scenario {
        Scenario::Collector => Payment {
            from: 100_000 + n,
            to: Some(50_000),
            value: 0.1 + 0.1 * (n % 5) as f64,
            ..usual
        },
        Scenario::Burst => Payment { from: n / 300 % 200, gap_secs: 5, ..usual },
        Scenario::LargeForSender => Payment { value: 1_000.0 * usual.value, ..usual },
        Scenario::LargeForAll => Payment { value: 1e5 + n as f64, ..usual },
        Scenario::Flood => Payment { gap_secs: 1, ..usual },
        Scenario::Strange => {
            Payment { from: 200_000 + n, to: None, value: 12_345.678_9, n_bytes: 5_000, ..usual }
        }
        Scenario::Creep => {
            let steps = (n - WARM_UP_EVENTS as u64) as f64 / 25.0;
            Payment { from: 3, value: habit(3, n) * libm::exp10(0.05 * steps), ..usual }
        }
        Scenario::Pocket => {
            Payment { from: 300_000 + n, to: Some(400_000 + n), value: 0.5, n_bytes: 4, ..usual }
        }
    }
}

fn account(n: u64) -> Address {
    let mut bytes = [0; 20];
    bytes[..8].copy_from_slice(&mix(n).to_be_bytes());
    Address::Evm(bytes)
}

fn id(n: u64) -> Hash32 {
    let mut bytes = [1; 32];
    bytes[..8].copy_from_slice(&mix(n ^ (1 << 60)).to_be_bytes());
    Hash32(bytes)
}

fn event(time: EventTime, id: Hash32, body: TxBody) -> Event {
    // Pending transactions leave no history: each one is a block of its own.
    let height = time.secs().unsigned_abs();
    let inclusion = Some(Inclusion { height, block: None, index: Some(0) });
    let tx = Tx { id, body, inclusion, outcome: None };
    let body = Body::Tx(Box::new(tx));
    Event { time, clock: Clock::Block, quality: Quality::empty(), body }
}

fn evm(n: u64, time: EventTime, payment: &Payment) -> Event {
    let wei = (payment.value * 1e6) as u128 * 1_000_000_000_000;
    let tx = EvmTx {
        from: account(payment.from),
        to: payment.to.map(account),
        value: Amount::from_u128(wei),
        nonce: None,
        gas_limit: Some(21_000),
        gas_price: Some(Amount::from_u64(20_000_000_000 + pick(n, 8, 1_000_000_000))),
        max_fee_per_gas: None,
        max_priority_fee_per_gas: None,
        max_fee_per_blob_gas: None,
        n_blobs: 0,
        n_authorizations: 0,
        n_access_entries: 0,
        tx_type: Some(0),
        input: Calldata { n_bytes: payment.n_bytes, selector: None, digest: 1 },
        client_id: None,
    };
    event(time, id(n), TxBody::Evm(tx))
}

fn utxo(n: u64, time: EventTime) -> Event {
    let address = |user: u64| Some(Address::Text(format!("bc1q{user}").into()));
    let (user, script_type) = (pick(n, 3, 200), ScriptType::WitnessV0KeyHash);
    let paid = 1_000 * (1.0 + habit(user, n) * 1e5) as u64;
    let output = |index: u32, value: u64, user: u64| TxOut {
        index,
        value,
        address: address(user),
        script_type,
        script_digest: user,
        script_len: 22,
    };
    let input = TxIn {
        outpoint: Some(OutPoint { tx: id(n.saturating_sub(1 + pick(n, 9, 50))), index: 1 }),
        sequence: Some(0xffff_fffd),
        value: Some(3 * paid),
        address: address(user),
        script_type,
    };
    let tx = UtxoTx {
        inputs: vec![input],
        outputs: vec![
            output(0, paid, 1_000 + pick(n, 5, 30)),
            output(1, 2 * paid - 200 - pick(n, 10, 2_000), user),
        ],
        is_coinbase: false,
        version: Some(2),
        lock_time: Some(0),
        size: Some(222),
        virtual_size: Some(141),
        has_hidden_value: false,
    };
    event(time, id(n), TxBody::Utxo(tx))
}
