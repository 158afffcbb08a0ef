//! What is promised of every record: one verdict a part, bounded time and memory, never a panic.

use crate::{MEMORY, corpus::Case, cpu};
use std::{
    cell::RefCell,
    hash::{DefaultHasher, Hash, Hasher},
    panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind},
    time::{Duration, Instant},
};
use txwarden::{
    decode::{Batch, DETAIL_BYTES_MAX, Refusal, Settings, decode},
    model::Record,
};

/// What a record may hold in memory, beside eight times its own size.
const MEMORY_MAX: usize = 64 << 20;
/// Processor time that a MiB may take where the code is optimised.
const MIB_MAX: Duration = Duration::from_millis(50);
/// Below this the clock is coarser than the time.
const TIMED_BYTES_MIN: usize = 256 << 10;
/// What the clock adds: two ticks of a scheduler.
const TICK: Duration = Duration::from_millis(10);
/// Debug assertions, little optimisation, and a machine that does other things as well.
const SLOWER: u32 = if cfg!(debug_assertions) { 6 } else { 1 };
/// No input of a fuzzer's size may take so long on any machine.
const HANG: Duration = Duration::from_secs(20);

thread_local! {
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Keeps what a panic says for whoever catches it.
pub fn note_panic(info: &PanicHookInfo<'_>) {
    PANIC.with(|text| *text.borrow_mut() = info.to_string());
    if std::thread::current().name() != Some("main") {
        eprintln!("{info}");
    }
}

/// Runs a closure; a panic becomes its text.
pub fn caught<T>(run: impl FnOnce() -> T) -> Result<T, String> {
    let done = catch_unwind(AssertUnwindSafe(run));
    done.map_err(|_| PANIC.with(|text| std::mem::take(&mut *text.borrow_mut())))
}

/// What an input showed.
pub struct Seen {
    /// Of reasons and numbers of events: inputs that differ in it are worth keeping.
    pub signature: u64,
    pub is_accepted: bool,
    pub n_bytes_peak: usize,
    /// Processor time, where the input is large enough to say.
    pub took: Option<Duration>,
}

/// Judges records by one batch that is reused, as a worker does.
#[derive(Default)]
pub struct Judge {
    batch: Batch,
    n: u64,
}

impl Judge {
    /// Decodes a case and checks every promise.
    ///
    /// # Errors
    /// Which promise was broken.
    pub fn judge(&mut self, settings: &Settings, case: &Case) -> Result<Seen, String> {
        let headers: Vec<(&str, &[u8])> =
            case.headers.iter().map(|(k, v)| (k.as_str(), v.as_slice())).collect();
        let record = Record {
            topic: "fuzz",
            kafka_ms: case.kafka_ms,
            key: case.key.as_deref(),
            value: Some(&case.value),
            headers: &headers,
            ..Record::default()
        };
        let is_timed = case.value.len() >= TIMED_BYTES_MIN;
        MEMORY.reset_peak_usage();
        let (held, since) = (MEMORY.current_usage(), Instant::now());
        let began = if is_timed { cpu::spent() } else { None };
        let batch = &mut self.batch;
        let done = caught(|| decode(settings, &record, batch));
        let ended = if is_timed { cpu::spent() } else { None };
        let n_bytes_peak = MEMORY.peak_usage().saturating_sub(held);
        if let Err(text) = done {
            self.batch = Batch::default();
            return Err(format!("panicked: {text}"));
        }
        let took = began.zip(ended).map(|(began, ended)| ended.saturating_sub(began));
        if n_bytes_peak > MEMORY_MAX + 8 * case.value.len() {
            return Err(format!("held {n_bytes_peak} bytes for {}", case.value.len()));
        }
        let mib = case.value.len() as f64 / f64::from(1 << 20);
        let allowed = MIB_MAX.mul_f64(mib.max(1.0)) * SLOWER + TICK;
        if took.is_some_and(|took| took > allowed) || since.elapsed() > HANG {
            return Err(format!("took {took:?} for {mib:.2} MiB, {allowed:?} is allowed"));
        }
        self.parts()?;
        self.n += 1;
        // What earlier records taught the scanner must not change what a record is.
        if self.n.is_multiple_of(4) {
            let mut fresh = Batch::default();
            decode(settings, &record, &mut fresh);
            if !is_same(&self.batch, &fresh) {
                return Err("a record's verdict depends on the records before it".to_owned());
            }
        }
        let is_accepted = self.batch.parts.iter().any(|part| part.verdict.is_ok());
        Ok(Seen { signature: self.signature(), is_accepted, n_bytes_peak, took })
    }

    /// Checks that there is exactly one verdict for each part, and an owner for each event.
    fn parts(&self) -> Result<(), String> {
        let Batch { parts, events, .. } = &self.batch;
        if parts.is_empty() {
            return Err("a record without a verdict".to_owned());
        }
        let (mut next, mut index) = (0, 0);
        for (i, part) in parts.iter().enumerate() {
            // What was refused inside of a part has its number.
            let is_inside = i > 0 && part.index == index && part.verdict.is_err();
            if !is_inside && part.index != index + u32::from(i > 0) {
                return Err(format!("part {i} is numbered {}", part.index));
            }
            index = part.index;
            match &part.verdict {
                Ok(range) if range.start == next && range.end >= next => next = range.end,
                Ok(range) => return Err(format!("part {i} has {range:?}, not from {next}")),
                Err(Refusal::Skip(_)) => {}
                Err(Refusal::DeadLetter { detail, .. }) => {
                    let is_shown = detail.len() <= DETAIL_BYTES_MAX
                        && detail.bytes().all(|b| (0x20..0x7f).contains(&b));
                    if !is_shown {
                        return Err(format!("a detail that is not fit to be shown: {detail:?}"));
                    }
                }
            }
        }
        if next == events.len() { Ok(()) } else { Err("events without a part".to_owned()) }
    }

    fn signature(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for part in self.batch.parts.iter().take(4) {
            match &part.verdict {
                Ok(range) => range.len().min(8).hash(&mut hasher),
                Err(Refusal::Skip(reason)) => reason.hash(&mut hasher),
                Err(Refusal::DeadLetter { reason, detail }) => {
                    // Its words, not its numbers: those are endless.
                    let is_word = |c: &char| c.is_ascii_alphabetic() || *c == ' ';
                    let words: String = detail.chars().take(32).filter(is_word).collect();
                    (reason, words).hash(&mut hasher);
                }
            }
        }
        for event in self.batch.events.iter().take(8) {
            (std::mem::discriminant(&event.body), event.quality.bits()).hash(&mut hasher);
        }
        hasher.finish()
    }
}

fn is_same(a: &Batch, b: &Batch) -> bool {
    let same_part = a.parts.len() == b.parts.len()
        && a.parts.iter().zip(&b.parts).all(|(a, b)| a.index == b.index && a.verdict == b.verdict);
    same_part && a.events == b.events
}
