//! Benches of state: an event applied, with the reads of a scorer, by number of accounts.
//!
//! Prints bytes per account (profiles with their index; pairs apart). `TXWARDEN_BENCH_ACCOUNTS`
//! names the sizes, by default `100000,1000000`; ten million take 3 GB.

use criterion::{BatchSize, Criterion, Throughput};
use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::{hint::black_box, io::Write};
use txwarden::{
    model::{
        Address, Amount, Body, Calldata, Chain, Clock, Event, EventTime, EvmTx, Hash32, Inclusion,
        Quality, Tx, TxBody,
    },
    state::{Params, State, WindowKind},
};

/// Transactions of one block.
const BLOCK: u64 = 150;
const SEED: u64 = 7;

/// Makes a stream of payments between accounts of a fixed population.
struct Stream {
    event: Event,
    rng: Xoshiro256PlusPlus,
    n: u64,
}

impl Stream {
    fn new() -> Self {
        let body = TxBody::Evm(EvmTx {
            from: account(0),
            to: Some(account(1)),
            value: Amount::from_u64(1_000_000_000_000_000_000),
            nonce: Some(0),
            gas_limit: None,
            gas_price: Some(Amount::from_u64(20_000_000_000)),
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
        let tx = Tx { id: Hash32([0; 32]), body, inclusion: None, outcome: None };
        let event = Event {
            time: EventTime::default(),
            clock: Clock::Block,
            quality: Quality::default(),
            body: Body::Tx(Box::new(tx)),
        };
        Self { event, rng: Xoshiro256PlusPlus::seed_from_u64(SEED), n: 0 }
    }

    /// Makes the next payment, between the two accounts with these numbers.
    fn next(&mut self, from: u64, to: u64) -> &Event {
        self.n += 1;
        let n = self.n;
        self.event.time = EventTime::from_secs(1_500_000_000 + (n / BLOCK * 12) as i64);
        if let Body::Tx(tx) = &mut self.event.body {
            // Ids and addresses are hashes, or snapshots would compress as none does in practice.
            for (k, id) in tx.id.0.chunks_exact_mut(8).enumerate() {
                id.copy_from_slice(&mix(n << 2 | k as u64).to_le_bytes());
            }
            tx.inclusion = Some(Inclusion { height: n / BLOCK, block: None, index: None });
            if let TxBody::Evm(evm) = &mut tx.body {
                (evm.from, evm.to, evm.nonce) = (account(from), Some(account(to)), Some(n));
            }
        }
        &self.event
    }

    fn random(&mut self, n_accounts: u64) -> &Event {
        let (from, to) = (self.rng.gen_range(0..n_accounts), self.rng.gen_range(0..n_accounts));
        self.next(from, to)
    }
}

/// Mixes a number as splitmix64 does.
fn mix(n: u64) -> u64 {
    let n = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

fn account(n: u64) -> Address {
    let mut bytes = [0x55; 20];
    bytes[..8].copy_from_slice(&mix(n << 1).to_le_bytes());
    bytes[8..16].copy_from_slice(&mix(n << 1 | 1).to_le_bytes());
    Address::Evm(bytes)
}

fn filled(n_accounts: u64) -> (State, Stream) {
    let params = Params { accounts_max: n_accounts as usize, ..Params::default() };
    let Ok(chain) = Chain::parse(Chain::ETHEREUM) else { unreachable!("it is a constant") };
    let mut state = State::new(chain, &params, SEED);
    let mut stream = Stream::new();
    for n in 0..n_accounts / 2 {
        state.apply(stream.next(2 * n, 2 * n + 1));
    }
    (state, stream)
}

/// Makes the reads that features and rules make of one transaction.
fn read(state: &State, event: &Event) -> f64 {
    let Body::Tx(tx) = &event.body else { return 0.0 };
    let Some(evm) = tx.evm() else { return 0.0 };
    let Some(to) = &evm.to else { return 0.0 };
    let (from, to) = (state.key(&evm.from), state.key(to));
    let mut sum = f64::from(state.n_payments(from, to));
    for profile in [from, to].into_iter().filter_map(|account| state.profile(account)) {
        let now = event.time;
        sum += profile.in_24h(now) + profile.new_senders_24h(now) + profile.fresh_senders_7d(now);
        sum += profile.out_1h(now) + profile.mean_log_in() + profile.payers()[0];
    }
    sum += state.window(WindowKind::Sent10m, from, event.time);
    sum + state.received(to).map(|m| f64::from(m.value)).sum::<f64>()
}

fn bench(criterion: &mut Criterion, n_accounts: u64) {
    let (mut state, mut stream) = filled(n_accounts);
    let usage = state.usage();
    let _ = writeln!(
        std::io::stdout(),
        "state/{n_accounts}: {} accounts, {:.1} bytes an account, {:.1} bytes a pair slot",
        state.n_accounts(),
        usage.n_bytes_profiles as f64 / state.n_accounts() as f64,
        usage.n_bytes_edges as f64 / Params::default().edges_max as f64,
    );
    let mut group = criterion.benchmark_group("state");
    group.throughput(Throughput::Elements(1));
    group.bench_function(format!("apply/{n_accounts}"), |bencher| {
        bencher.iter(|| state.apply(stream.random(n_accounts)));
    });
    group.bench_function(format!("admit_read_apply/{n_accounts}"), |bencher| {
        bencher.iter(|| {
            let event = stream.random(n_accounts);
            let admission = state.admit(event);
            let sum = read(&state, event);
            state.apply(event);
            black_box((admission, sum))
        });
    });
    group.throughput(Throughput::Elements(n_accounts));
    group.sample_size(10);
    if n_accounts <= 1_000_000 {
        let Ok(bytes) = postcard::to_allocvec(&state) else { unreachable!("state is plain data") };
        let _ = writeln!(std::io::stdout(), "state/{n_accounts}: snapshot {} bytes", bytes.len());
        let write = || postcard::to_allocvec(&state).map(|bytes| bytes.len());
        group.bench_function(format!("snapshot/{n_accounts}"), |bencher| bencher.iter(write));
        let restore = |bytes: &[u8]| postcard::from_bytes::<State>(bytes).map(|s| s.n_accounts());
        group.bench_function(format!("restore/{n_accounts}"), |bencher| {
            bencher.iter_batched(|| &bytes[..], restore, BatchSize::PerIteration);
        });
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let sizes = std::env::var("TXWARDEN_BENCH_ACCOUNTS");
    let sizes = sizes.unwrap_or_else(|_| "100000,1000000".to_owned());
    for n_accounts in sizes.split(',').filter_map(|n| n.trim().parse().ok()) {
        bench(&mut criterion, n_accounts);
    }
    criterion.final_summary();
}
