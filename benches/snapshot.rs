//! Benches of snapshots: what freezing a warm engine costs it, and what writing and reading it
//! take, by number of accounts.
//!
//! Prints, for each size of `TXWARDEN_BENCH_ACCOUNTS` (by default `100000,1000000`): the stall of a
//! freeze, the dearest records after one, the time to encode and to compress, the bytes, and the
//! time from the compressed bytes to an engine that takes a record.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use rand::{Rng, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::{
    fmt::Write,
    time::{Duration, Instant},
};
use txwarden::{
    decode::{Format, Settings},
    engine::{Engine, Params, Setup},
    model::{Chain, Record},
    pipeline::{Driver, Fits},
};

const SEED: u64 = 7;
/// Transactions of one block.
const BLOCK: u64 = 150;
/// Records between random accounts before anything is measured: models are fitted by then.
const N_WARM: u64 = 60_000;
/// Freezes measured, and records between two of them.
const N_FREEZES: usize = 100;
const N_BETWEEN: u64 = 500;

/// Payments between accounts of a fixed population, as ethereum-etl writes them.
struct Stream {
    driver: Driver,
    settings: Settings,
    rng: Xoshiro256PlusPlus,
    n: u64,
    n_accounts: u64,
    line: String,
}

impl Stream {
    fn over(engine: Engine, n_accounts: u64) -> Self {
        Self {
            driver: Driver::over(engine, Fits::Background),
            settings: Settings {
                is_batch_allowed: false,
                ..Settings::new(Format::EthereumEtl, Chain::parse(Chain::ETHEREUM).unwrap())
            },
            rng: Xoshiro256PlusPlus::seed_from_u64(SEED),
            n: 0,
            n_accounts,
            line: String::new(),
        }
    }

    /// Folds a payment between two accounts and returns what that took.
    fn pay(&mut self, from: u64, to: u64) -> Duration {
        self.n += 1;
        let (n, height) = (self.n, 5_000_000 + self.n / BLOCK);
        let cents = self.rng.gen_range(1..50_000u64);
        self.line.clear();
        let _ = write!(
            self.line,
            "{{\"type\": \"transaction\", \"hash\": \"0x{:064x}\", \"nonce\": {n}, \
             \"transaction_index\": {}, \"from_address\": \"0x{:040x}\", \"to_address\": \
             \"0x{:040x}\", \"value\": {cents}0000000000000000, \"gas\": 21000, \"gas_price\": \
             20000000000, \"input\": \"0x\", \"block_timestamp\": {}, \"block_number\": {height}, \
             \"block_hash\": \"0x{:064x}\"}}",
            Id(n),
            n % BLOCK,
            Id(from | 1 << 60),
            Id(to | 1 << 60),
            1_700_000_000 + height * 12,
            Id(height | 1 << 61),
        );
        let value = Some(self.line.as_bytes());
        let record = Record { topic: "eth", offset: n as i64, value, ..Record::default() };
        let mut actions = Vec::new();
        let start = Instant::now();
        self.driver.feed(&self.settings, record, &mut actions);
        start.elapsed()
    }

    fn pay_any(&mut self) -> Duration {
        let n = self.n_accounts;
        let (from, to) = (self.rng.gen_range(0..n), self.rng.gen_range(0..n));
        self.pay(from, to)
    }
}

/// Hex digits that look like a hash: ids of counters would compress as no ids do.
struct Id(u64);

impl std::fmt::LowerHex for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(self.0);
        for _ in 0..f.width().unwrap_or(0) / 8 {
            write!(f, "{:08x}", rng.r#gen::<u32>())?;
        }
        Ok(())
    }
}

fn setup(n_accounts: u64) -> Setup {
    let mut params = Params { seed: SEED, ..Params::default() };
    params.state.accounts_max = n_accounts as usize;
    Setup { params, ..Setup::new(Chain::parse(Chain::ETHEREUM).unwrap()) }
}

fn main() {
    let sizes = std::env::var("TXWARDEN_BENCH_ACCOUNTS");
    let sizes = sizes.unwrap_or_else(|_| "100000,1000000".to_owned());
    for n_accounts in sizes.split(',').filter_map(|n| n.trim().parse().ok()) {
        bench(n_accounts);
    }
}

fn bench(n_accounts: u64) {
    let id = format!("snapshot/{n_accounts}");
    let mut stream = Stream::over(Engine::new(setup(n_accounts)).unwrap(), n_accounts);
    for n in 0..n_accounts / 2 {
        stream.pay(2 * n, 2 * n + 1);
    }
    let mut usual: Vec<Duration> = (0..N_WARM).map(|_| stream.pay_any()).collect();
    usual.sort_unstable();
    let stats = stream.driver.stats();
    println!(
        "{id}: {} accounts, {} fits, a record {:?} (mean), {:?} (p99), {:?} (max)",
        stream.driver.engine().state().n_accounts(),
        stats.n_fits,
        usual.iter().sum::<Duration>() / N_WARM as u32,
        usual[usual.len() * 99 / 100],
        usual[usual.len() - 1],
    );
    freezes(&id, &mut stream);
    write_and_read(&id, &mut stream);
}

/// Measures the stall of freezes, and what the records after the first one cost.
fn freezes(id: &str, stream: &mut Stream) {
    let mut kept = None;
    let mut stalls = Vec::with_capacity(N_FREEZES);
    let mut worst = Duration::ZERO;
    for _ in 0..N_FREEZES {
        let start = Instant::now();
        // As in production, one is still being written while the engine goes on.
        let frozen = stream.driver.freeze();
        stalls.push(start.elapsed());
        kept = Some(frozen);
        for _ in 0..N_BETWEEN {
            worst = worst.max(stream.pay_any());
        }
    }
    drop(kept);
    let first = stalls[0];
    stalls.sort_unstable();
    println!(
        "{id}: freeze {first:?} (first), {:?} (p50), {:?} (max of {N_FREEZES}); dearest record in \
         {N_BETWEEN} after one {worst:?}",
        stalls[N_FREEZES / 2],
        stalls[N_FREEZES - 1],
    );
    let frozen = stream.driver.freeze();
    let after: Duration = (0..N_WARM).map(|_| stream.pay_any()).sum();
    drop(frozen);
    let usual: Duration = (0..N_WARM).map(|_| stream.pay_any()).sum();
    println!(
        "{id}: {N_WARM} records after a freeze take {:?} more than {usual:?}",
        after.saturating_sub(usual)
    );
}

/// Measures how large a snapshot is, and how long it takes to write and to read.
fn write_and_read(id: &str, stream: &mut Stream) {
    let frozen = stream.driver.freeze();
    let start = Instant::now();
    let bytes = frozen.encode().unwrap();
    println!("{id}: encode {:?}, {} bytes", start.elapsed(), bytes.len());
    drop(frozen);
    for level in 1..=3 {
        let start = Instant::now();
        let packed = zstd::bulk::compress(&bytes, level).unwrap();
        let compress = start.elapsed();
        let start = Instant::now();
        let unpacked = zstd::bulk::decompress(&packed, bytes.len()).unwrap();
        let decompress = start.elapsed();
        let start = Instant::now();
        let engine = Engine::restore(setup(stream.n_accounts), &unpacked).unwrap();
        let restore = start.elapsed();
        println!(
            "{id}: zstd {level}: {compress:?}, {} bytes; restore {:?} = decompress {decompress:?} \
             + decode {restore:?}",
            packed.len(),
            decompress + restore,
        );
        assert_eq!(engine.stats(), stream.driver.stats());
    }
}
