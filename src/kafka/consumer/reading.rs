//! How the reading of partitions goes, one after the other: the lag, and why nothing comes.
//!
//! `run` and `route` call it with where they stand. The client names no partition when a batch
//! cannot be read, so that such an error is laid to those that stand still before what it names.

use crate::{
    kafka::{Consumer, PartitionEnd, ReadObserver},
    model::TopicPartition,
    ops::trouble::{Trouble, TroubleKind},
};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// How long nothing may come although there are records. A broker that was restarted needs some
/// ten seconds, a leader's election thirty.
const STALL_AFTER: Duration = Duration::from_secs(60);

/// How long a partition stands still before an unreadable batch is said to be the cause.
const UNREADABLE_AFTER: Duration = Duration::from_secs(2);

/// How long an unreadable batch is remembered: the client tries it every half second.
const UNREADABLE_FOR: Duration = Duration::from_secs(15);

/// Whoever has not looked for so long was busy itself, and nothing can be concluded.
const LOOK_PAUSE_MAX: Duration = Duration::from_secs(20);

/// How often a trouble that lasts is logged.
const LOG_EVERY: Duration = Duration::from_secs(300);

/// Where the reading of a partition stands.
#[derive(Clone, Debug)]
pub struct Standing {
    pub at: TopicPartition,
    /// The offset behind the last record that was taken in.
    pub next: i64,
    /// Whether we do not want to read it for now.
    pub is_held: bool,
}

/// The watch over all partitions of one consumer.
pub struct Reading<'a> {
    observer: &'a dyn ReadObserver,
    places: BTreeMap<TopicPartition, PartitionPlace>,
    unreadable: Option<Unreadable>,
    looked: Instant,
}

struct PartitionPlace {
    progress: ReadProgress,
    /// The troubles that were told, and when each was logged.
    told: BTreeMap<TroubleKind, (Trouble, Instant)>,
}

/// How far a partition was, and since when.
struct ReadProgress {
    read: i64,
    moved: Instant,
    stable: i64,
    /// When the end of what can be read last moved, or nothing was behind it.
    released: Instant,
}

/// The newest batch that the client could not read.
struct Unreadable {
    said: String,
    /// The first offset of the batch, where the client names it.
    offset: Option<i64>,
    at: Instant,
}

impl<'a> Reading<'a> {
    /// Begins to watch nothing.
    pub fn new(observer: &'a dyn ReadObserver) -> Self {
        Self { observer, places: BTreeMap::new(), unreadable: None, looked: Instant::now() }
    }

    /// Notes an error of a poll; returns whether it says that a batch cannot be read.
    pub fn note(&mut self, error: &KafkaError, consumer: &Consumer) -> bool {
        use RDKafkaErrorCode::{
            BadCompression, BadMessage, InvalidMessage, InvalidMessageSize, MessageSizeTooLarge,
            NotImplemented,
        };
        let is_it = matches!(
            error.rdkafka_error_code(),
            Some(
                BadCompression
                    | BadMessage
                    | InvalidMessage
                    | InvalidMessageSize
                    | MessageSizeTooLarge
                    | NotImplemented
            )
        );
        if is_it {
            let said = consumer.last_said().unwrap_or_else(|| error.to_string());
            let offset = offset_in(&said);
            self.unreadable = Some(Unreadable { said, offset, at: Instant::now() });
        }
        is_it
    }

    /// Compares where each partition stands with where it stood; those that are not named any more
    /// are forgotten.
    pub fn look(&mut self, consumer: &Consumer, standings: &[Standing]) {
        let gone: Vec<TopicPartition> = self
            .places
            .keys()
            .filter(|at| standings.iter().all(|s| s.at != **at))
            .cloned()
            .collect();
        gone.iter().for_each(|at| self.forget(at));
        let now = Instant::now();
        let was_busy = now - self.looked > LOOK_PAUSE_MAX;
        self.looked = now;
        let positions = consumer.positions();
        for Standing { at, next, is_held } in standings {
            let Some(end) = consumer.end_of(at) else { continue };
            // The client has passed what no reader ever sees: markers, and aborted records.
            let read = positions.get(at).copied().unwrap_or(*next).max(*next);
            let n_behind = (end.stable - read).max(0);
            self.observer.consumer_lag(&at.topic, at.partition, n_behind);
            let place = self.places.entry(at.clone()).or_insert_with(|| PartitionPlace::new(now));
            if was_busy {
                place.progress = ReadProgress::new(now);
            }
            let (still, open) = place.progress.compare(read, end, *is_held, now);
            let moved = place.progress.moved;
            let unreadable = self.unreadable.as_ref().filter(|batch| {
                let is_there = batch.offset.is_none_or(|o| (read..end.stable).contains(&o));
                is_there && batch.at.elapsed() < UNREADABLE_FOR && still >= UNREADABLE_AFTER
            });
            let unreadable = unreadable.map(|b| Trouble::Unreadable { said: b.said.clone() });
            let is_stalled = unreadable.is_none() && still >= STALL_AFTER;
            let (seconds, said) = (still.as_secs(), consumer.said_since(moved));
            let stalled = is_stalled.then_some(Trouble::Stalled { n_behind, seconds, said });
            let (n, seconds) = (end.high - end.stable, open.as_secs());
            let held = (open >= STALL_AFTER).then_some(Trouble::HeldBack { n, seconds });
            self.set(at, TroubleKind::Unreadable, unreadable);
            self.set(at, TroubleKind::Stalled, stalled);
            self.set(at, TroubleKind::HeldBack, held);
        }
    }

    /// Tells of a trouble of a partition, or that it is over: the observer each time, the log at
    /// first and then every few minutes.
    pub fn set(&mut self, at: &TopicPartition, kind: TroubleKind, trouble: Option<Trouble>) {
        let now = Instant::now();
        let place = self.places.entry(at.clone()).or_insert_with(|| PartitionPlace::new(now));
        let (topic, partition) = (&at.topic, at.partition);
        let Some(trouble) = trouble else {
            if place.told.remove(&kind).is_some() {
                self.observer.trouble(topic, partition, kind, None);
                tracing::info!(topic, partition, kind = kind.as_str(), "trouble is over");
            }
            return;
        };
        let known = place.told.get(&kind);
        let is_due =
            known.is_none_or(|(_, logged)| trouble.is_repeated() && now - *logged >= LOG_EVERY);
        let logged = known.map_or(now, |(_, logged)| if is_due { now } else { *logged });
        self.observer.trouble(topic, partition, kind, Some(&trouble));
        let kind_text = kind.as_str();
        match (is_due, trouble.is_fatal()) {
            (true, true) => {
                tracing::error!(topic, partition, kind = kind_text, %trouble, "nothing is judged");
            }
            (true, false) => {
                tracing::warn!(topic, partition, kind = kind_text, %trouble, "worth a look");
            }
            (false, _) => {}
        }
        place.told.insert(kind, (trouble, logged));
    }

    /// Forgets a partition that is no longer ours.
    fn forget(&mut self, at: &TopicPartition) {
        let Some(place) = self.places.remove(at) else { return };
        for kind in place.told.into_keys() {
            self.observer.trouble(&at.topic, at.partition, kind, None);
        }
    }
}

impl PartitionPlace {
    fn new(now: Instant) -> Self {
        Self { progress: ReadProgress::new(now), told: BTreeMap::new() }
    }
}

impl ReadProgress {
    fn new(now: Instant) -> Self {
        Self { read: -1, moved: now, stable: -1, released: now }
    }

    /// Returns for how long nothing has come although there is something, and for how long an open
    /// transaction hides what is behind it.
    fn compare(
        &mut self,
        read: i64,
        end: PartitionEnd,
        is_held: bool,
        now: Instant,
    ) -> (Duration, Duration) {
        if read != self.read || read >= end.stable || is_held {
            (self.read, self.moved) = (read, now);
        }
        if end.stable != self.stable || end.high <= end.stable {
            (self.stable, self.released) = (end.stable, now);
        }
        (now - self.moved, now - self.released)
    }
}

/// Finds the offset in librdkafka's "… of message at 17 of 345 bytes failed: …".
fn offset_in(said: &str) -> Option<i64> {
    let words = said.split_once(" message at ").or_else(|| said.split_once("at offset "))?.1;
    words.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks by where the reader is, what can be read and all there is; whether it is held.
    fn seconds_still(looks: &[(i64, i64, i64, bool)]) -> Vec<(u64, u64)> {
        let began = Instant::now();
        let mut progress = ReadProgress::new(began);
        let look = |(n, (read, stable, high, is_held)): (u64, &(i64, i64, i64, bool))| {
            let (end, now) =
                (PartitionEnd { stable: *stable, high: *high }, began + Duration::from_secs(n));
            let (still, open) = progress.compare(*read, end, *is_held, now);
            (still.as_secs(), open.as_secs())
        };
        (0..).zip(looks).map(look).collect()
    }

    #[test]
    fn only_what_could_come_and_does_not_is_missed() {
        for (looks, expected) in [
            // Nothing is there to be read, then it comes, then no more.
            (&[(5, 5, 5, false), (5, 9, 9, false), (7, 9, 9, false), (7, 9, 9, false)][..], 1),
            (&[(5, 9, 9, false), (5, 9, 9, false), (5, 9, 9, false), (5, 12, 12, false)], 3),
            // We do not want it.
            (&[(5, 9, 9, false), (5, 9, 9, true), (5, 9, 9, true), (5, 9, 9, false)], 1),
            // It went back, as for a rebuild.
            (&[(5, 9, 9, false), (5, 9, 9, false), (2, 9, 9, false), (2, 9, 9, false)], 1),
            (&[(5, 9, 9, false), (9, 9, 9, false), (9, 9, 9, false), (9, 9, 9, false)], 0),
        ] {
            assert_eq!(seconds_still(looks).last(), Some(&(expected, 0)), "{looks:?}");
        }
    }

    #[test]
    fn an_open_transaction_holds_back_what_is_behind_it() {
        let open = [(5, 5, 8, false), (5, 5, 9, false), (5, 5, 20, false)];
        assert_eq!(seconds_still(&open), [(0, 0), (0, 1), (0, 2)], "the reader is at its end");
        let ended = [(5, 5, 8, false), (5, 5, 9, false), (5, 9, 9, false), (9, 9, 9, false)];
        assert_eq!(seconds_still(&ended), [(0, 0), (0, 1), (1, 0), (0, 0)]);
        let others = [(5, 5, 8, false), (5, 7, 9, false), (7, 7, 9, false)];
        assert_eq!(seconds_still(&others).last(), Some(&(0, 1)), "another one");
    }

    #[test]
    fn the_offset_of_an_unreadable_batch_is_found() {
        for (said, offset) in [
            ("Decompression (codec 0x1) of message at 17 of 345 bytes failed: Local: x", Some(17)),
            ("Message at offset 2048 might be too large to fetch", Some(2048)),
            ("Bad message format", None),
            ("Decompression of message at nowhere", None),
        ] {
            assert_eq!(offset_in(said), offset, "{said}");
        }
    }
}
