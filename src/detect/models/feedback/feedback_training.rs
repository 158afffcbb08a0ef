//! What the feedback model remembers, and when it refits.

use super::champion_challenger::Succession;
use crate::{
    detect::{
        FitJob, Fitted, Ruling,
        ensemble::{Ensemble, Lesson},
        judged_samples::{ROWS_PER_SUBJECT, Spread},
        models::{kinds::EventKind, ranks::groups},
        rulings::Rulings,
        snapshot,
    },
    feature::{FEATURES_MAX, Features, Schema},
    ml::{
        rank::{Horizon, TrailingRanks},
        splitmix::mix,
        trees::Growth,
    },
    model::{EventTime, Family},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// The code of a present value in the middle; 0 is an absent one.
pub const MEDIAN: u8 = 128;
/// Steps in which an explanation moves an input from rank 0 to 1.
pub const PROBES: u8 = 16;
/// Ranks are taken over 20,000 events of a kind, one in five of which is looked at.
const STRIDE: u64 = 5;
const HORIZON: Horizon = Horizon { window: 4_000, refresh: 2_000, warm_up: 200 };
/// Alerts whose transaction and account are remembered, for verdicts that name the transaction.
const ALERTED_MAX: usize = 4_096;
/// What an event of a subject that nobody judged counts, against a judged one's 1.
const WEAK: f64 = 0.5;
/// Rows of judged fraud without which nothing is fitted.
const POSITIVE_ROWS_MIN: usize = 8;
/// Refits without any new verdict wait this many times longer: only the counter-examples change.
const IDLE_FACTOR: i64 = 7;

/// When the feedback model refits, and on how much.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FeedbackSchedule {
    /// Days of event time between two fits. Default 2.
    #[schemars(range(min = 0.01, max = 365.0), extend("x-unit" = "days"))]
    pub every_days: f64,
    /// Records from the request to the takeover, in which the fit has to be done. Default 500.
    #[schemars(range(min = 1, max = 1_000_000_000_000_i64), extend("x-unit" = "records"))]
    pub takeover_records: u64,
    /// Transactions that a candidate scores in shadow before it decides. Default 100.
    #[schemars(range(min = 0, max = 1_000_000_000), extend("x-unit" = "transactions"))]
    pub shadow_transactions: u32,
    /// Recent transactions remembered as counter-examples. Default 60,000.
    #[schemars(range(min = 1_000, max = 1_000_000), extend("x-unit" = "transactions"))]
    pub recent_max: u32,
    /// Of them drawn for a fit. Default 6,000.
    #[schemars(range(min = 0, max = 65_536), extend("x-unit" = "transactions"))]
    pub n_weak: u32,
    /// Alerted or judged accounts whose events are remembered. Default 3,000.
    #[schemars(range(min = 1, max = 65_536), extend("x-unit" = "accounts"))]
    pub subjects_max: u32,
    /// Trees. Default 150.
    #[schemars(range(min = 1, max = 1_000), extend("x-unit" = "trees"))]
    pub n_trees: u32,
}

impl Default for FeedbackSchedule {
    fn default() -> Self {
        Self {
            every_days: 2.0,
            takeover_records: 500,
            shadow_transactions: 100,
            recent_max: 60_000,
            n_weak: 6_000,
            subjects_max: 3_000,
            n_trees: 150,
        }
    }
}

/// All that has been learned.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FeedbackMemory {
    #[serde(skip)]
    schedule: FeedbackSchedule,
    seed: u64,
    family: Family,
    n_columns: u32,
    now: EventTime,
    /// One a kind.
    usual: Vec<UsualRow>,
    spread: Spread,
    pub rulings: Rulings,
    /// (transaction, account) of the last alerts.
    alerted: VecDeque<(u64, u64)>,
    pub fits: Succession,
    n_requested: u64,
    requested_at: u64,
    requested: EventTime,
    n_changes_then: u64,
}

/// What is usual of one kind of event: a payment in a token is ranked among its like, and then
/// teaches and is judged as any other, because an account's habits are what the trees look at.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct UsualRow {
    n_seen: u64,
    ranks: TrailingRanks,
}

/// Growth of the trees but for their number: untuned, as in the study of the labelled stream.
const GROWTH: Growth = Growth {
    n_trees: 150,
    rate: 0.05,
    leaves_max: 15,
    leaf_rows_min: 15,
    row_share: 0.8,
    column_share: 0.3,
};

/// Runs a fit: a pure function of the job.
pub fn fit(job: &FitJob) -> Fitted {
    let setting = |at: usize| job.settings.get(at).map_or(0, |&n| n as usize);
    let (n_columns, n_positive, n_trees) = (setting(0).min(FEATURES_MAX), setting(1), setting(2));
    let growth = Growth { n_trees, ..GROWTH };
    let family = if setting(3) == 0 { Family::Evm } else { Family::Utxo };
    let lesson = Lesson::unpack(job, n_columns, groups::terms(family));
    let fitted = lesson.fit(&growth, job.seed, job.id, n_positive as u32);
    Fitted { model: job.model.clone(), id: job.id, bytes: snapshot::encode(1, &fitted) }
}

/// Returns the code of a rank.
fn code_of(rank: f64) -> u8 {
    1 + (rank * 254.999) as u8
}

/// Returns the code of a probe.
pub fn probe(step: u8) -> u8 {
    1 + (u16::from(step) * 254 / u16::from(PROBES)) as u8
}

impl FeedbackMemory {
    /// Makes an empty memory.
    pub fn new(schedule: &FeedbackSchedule, schema: &Schema, seed: u64) -> Self {
        let FeedbackSchedule { recent_max, subjects_max, .. } = *schedule;
        let (family, n_columns) = (schema.family, schema.defs.len());
        let usual = UsualRow { n_seen: 0, ranks: TrailingRanks::new(n_columns, HORIZON) };
        Self {
            schedule: schedule.clone(),
            seed,
            family,
            n_columns: n_columns as u32,
            now: EventTime::default(),
            usual: vec![usual; EventKind::n_of(family)],
            spread: Spread::new(n_columns, recent_max, subjects_max, seed),
            rulings: Rulings::default(),
            alerted: VecDeque::new(),
            fits: Succession::default(),
            n_requested: 0,
            requested_at: 0,
            requested: EventTime::default(),
            n_changes_then: 0,
        }
    }

    /// Returns whether the parts fit together (after a restore).
    pub fn is_shaped(&self, schema: &Schema) -> bool {
        let n_columns = schema.defs.len();
        self.n_columns as usize == n_columns
            && n_columns <= FEATURES_MAX
            && self.family == schema.family
            && self.usual.len() == EventKind::n_of(self.family)
            && self.usual.iter().all(|usual| usual.ranks.is_shaped(n_columns))
            && self.spread.is_shaped(n_columns)
            && self.alerted.len() <= ALERTED_MAX
            && self.fits.is_shaped(n_columns)
    }

    /// Goes on under a schedule: it is no part of a snapshot.
    pub fn scheduled(self, schedule: &FeedbackSchedule) -> Self {
        Self { schedule: schedule.clone(), ..self }
    }

    /// Returns the ranks of an event's features in 255 steps, 0 where one is absent; `None` in
    /// warm-up.
    pub fn row(&self, kind: EventKind, features: &Features) -> Option<[u8; FEATURES_MAX]> {
        let ranks = self.ranks(kind)?;
        let mut row = [0; FEATURES_MAX];
        for (column, code) in row.iter_mut().enumerate().take(self.n_columns as usize) {
            if let Some(value) = features.get(column) {
                *code = code_of(ranks.grid(column).rank(value));
            }
        }
        Some(row)
    }

    /// Returns a value that was seen near the rank that a code stands for, and its own code: where
    /// many are equal not every code has a value.
    pub fn seen_near(&self, kind: EventKind, column: usize, code: u8) -> Option<(f64, u8)> {
        let grid = self.ranks(kind)?.grid(column);
        let value = grid.quantile(f64::from(code.checked_sub(1)?) / 254.0)?;
        Some((value, code_of(grid.rank(value))))
    }

    /// Returns the ranks of a kind, once there are any.
    fn ranks(&self, kind: EventKind) -> Option<&TrailingRanks> {
        Some(&self.usual.get(kind.idx())?.ranks).filter(|ranks| ranks.is_warm())
    }

    /// Learns an event.
    pub fn learn(&mut self, account: u64, kind: EventKind, features: &Features, now: EventTime) {
        self.now = if now > self.now { now } else { self.now };
        let width = self.n_columns as usize;
        if let Some(row) = self.row(kind, features) {
            self.spread.push(account, &row[..width]);
            self.fits.try_out(&row[..width], self.schedule.shadow_transactions);
        }
        let Some(usual) = self.usual.get_mut(kind.idx()) else { return };
        usual.n_seen += 1;
        // What was flagged must not teach that it is ordinary.
        if usual.n_seen.is_multiple_of(STRIDE) && !self.spread.is_followed(account) {
            let mut values = [f32::NAN; FEATURES_MAX];
            for (column, value) in values.iter_mut().enumerate().take(width) {
                *value = features.get(column).map_or(f32::NAN, |v| v as f32);
            }
            usual.ranks.push(&values[..width]);
        }
    }

    /// Remembers the events of an account that was alerted about.
    pub fn follow_alerted(&mut self, account: u64, tx: u64) {
        if self.alerted.len() >= ALERTED_MAX {
            self.alerted.pop_front();
        }
        self.alerted.push_back((tx, account));
        if !self.spread.is_followed(account) {
            self.spread.follow(account, false);
        }
    }

    /// Takes in a verdict; the predecessor takes over again if it would have known better.
    pub fn judge(&mut self, ruling: &Ruling, ttl: i64) {
        let Some(account) = ruling.account(&self.alerted) else { return };
        let ruling = Ruling { account, is_of_tx: false, time: self.now, ..ruling.clone() };
        if !self.rulings.hear(&ruling) {
            return;
        }
        let standing = self.rulings.standing(account, self.now, ttl);
        self.spread.follow(account, standing.is_some());
        let Some(standing) = standing else { return };
        let rows = self.spread.rows_of(account).chunks_exact(self.n_columns as usize);
        self.fits.compare(rows, standing.signum());
    }

    /// Goes back to the fit before the present one; what is in shadow is dropped, and the next fit
    /// waits for its turn anew. Returns whether there was one.
    pub fn roll_back(&mut self) -> bool {
        if !self.fits.roll_back() {
            return false;
        }
        // A fit under way is not waited for any more.
        self.n_requested += 1;
        self.requested = self.now;
        self.n_changes_then = self.rulings.n_changes();
        true
    }

    /// Asks for a fit, if one is due.
    pub fn request(&mut self, model: &str, n_records: u64, ttl: i64) -> Option<FitJob> {
        let every = (self.schedule.every_days * EventTime::DAY as f64) as i64;
        let is_new = self.rulings.n_changes() != self.n_changes_then;
        let wait = if is_new { every } else { every.saturating_mul(IDLE_FACTOR) };
        if self.rulings.n_changes() == 0
            || self.now.since(self.requested) < wait
            || n_records < self.requested_at + self.schedule.takeover_records
        {
            return None;
        }
        self.requested = self.now;
        self.requested_at = n_records;
        self.n_changes_then = self.rulings.n_changes();
        let (lesson, n_positive) = self.lesson(ttl)?;
        self.n_requested += 1;
        let (data, n_columns) = lesson.pack();
        let family = u64::from(self.family == Family::Utxo);
        let n_trees = u64::from(self.schedule.n_trees);
        Some(FitJob {
            model: model.to_owned(),
            id: self.n_requested,
            takeover_at: n_records + self.schedule.takeover_records,
            seed: mix(self.seed ^ self.n_requested),
            data,
            n_columns,
            settings: vec![u64::from(self.n_columns), n_positive, n_trees, family],
        })
    }

    /// Takes a fit into the shadow; one that was refused, or that nobody waits for any more, leaves
    /// everything as it is.
    pub fn install(&mut self, what: &'static str, fitted: &Fitted, n_columns: usize) {
        if fitted.id != self.n_requested {
            return;
        }
        let is_sound =
            |fit: &Option<Ensemble>| fit.as_ref().is_none_or(|f| f.odds.is_shaped(n_columns));
        let Ok(Some(fit)) = snapshot::decode(what, 1, &fitted.bytes, is_sound) else { return };
        self.fits.propose(fit, self.schedule.shadow_transactions);
    }

    /// Collects the examples; `None` while there is not enough judged fraud.
    fn lesson(&self, ttl: i64) -> Option<(Lesson, u64)> {
        let width = self.n_columns as usize;
        // The groups are known where the fit is run.
        let mut lesson = Lesson::new(width, Vec::new());
        let (mut n_positive, mut n_positive_rows) = (0, 0);
        for (account, weight) in self.rulings.weighed(self.now, ttl) {
            let rows = self.spread.rows_of(account).chunks_exact(width);
            if weight > 0.0 && rows.len() > 0 {
                n_positive += 1;
                n_positive_rows += rows.len();
            }
            rows.take(ROWS_PER_SUBJECT).for_each(|row| lesson.add(row, weight, account));
        }
        let seed = mix(self.seed ^ self.n_requested ^ 0x5eed);
        for (n, row) in self.spread.others(self.schedule.n_weak as usize, seed).enumerate() {
            lesson.add(row, -WEAK, n as u64);
        }
        (n_positive_rows >= POSITIVE_ROWS_MIN).then_some((lesson, n_positive))
    }
}
