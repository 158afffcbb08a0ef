//! When a partition's state is worth another snapshot, and what is handed over then.

use super::partition::Partition;
use crate::{
    model::GroupPartition,
    pipeline::Image,
    store::{Job, Params, Publisher},
};
use std::time::{Duration, Instant};

/// After so many records the first snapshot of a new owner is due: what was read again to get here
/// need not be read once more if the partition moves on before anything is committed.
const FIRST_RECORDS: u64 = 1_000;

/// When a partition's state was last kept.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    offset: i64,
    at: Instant,
    /// Not by us: it was there when we took over.
    is_found: bool,
}

impl Kept {
    /// Begins with what is kept at an offset: a snapshot, or nothing at the start of all.
    pub fn at(offset: i64) -> Self {
        Self { offset, at: Instant::now(), is_found: true }
    }

    fn now(offset: i64) -> Self {
        Self { is_found: false, ..Self::at(offset) }
    }

    fn is_due(&self, next: i64, params: &Params) -> bool {
        let n_records = u64::try_from(next - self.offset).unwrap_or(0);
        let is_late = self.at.elapsed() >= Duration::from_millis(params.every_ms);
        let n_due = if self.is_found { FIRST_RECORDS } else { params.every_records };
        n_records > 0 && (is_late || n_records >= n_due.min(params.every_records))
    }
}

/// Takes a snapshot of each partition that is due, right after a commit: all that is emitted is
/// committed then. At the end of our time with a partition everything that moved is due, so that
/// the next owner has nothing to replay.
///
/// The clock decides when, never what: a snapshot changes no answer.
///
/// # Cost
/// The freeze, see [`crate::engine::Engine::freeze`]; encoding and writing are another thread's.
pub fn take<'p>(
    publisher: &Publisher,
    params: &Params,
    group: &str,
    partitions: impl Iterator<Item = &'p mut Partition>,
    is_end: bool,
) {
    for partition in partitions {
        let is_settled = partition.committed.is_some_and(|offset| match partition.is_live {
            true => partition.next == offset,
            // What is read again was committed long ago.
            false => is_end && partition.next <= offset,
        });
        let is_due = partition.kept.is_due(partition.next, params)
            || (is_end && partition.kept.offset < partition.next);
        if !is_settled || !is_due {
            continue;
        }
        let place = GroupPartition {
            group: group.to_owned(),
            topic: partition.at.topic.clone(),
            partition: partition.at.partition,
        };
        // While one is being written another would only cost memory.
        if is_end || !publisher.is_busy(&place) {
            publisher.submit(job(partition, place));
            partition.kept = Kept::now(partition.next);
        }
    }
}

fn job(partition: &mut Partition, place: GroupPartition) -> Job {
    let image = Image::new(partition.progress(), partition.chain.clone(), partition.flood.clone());
    let header = image.header(place, partition.next, partition.driver.engine());
    let frozen = partition.driver.freeze();
    Job { header, encode: Box::new(move || Ok(image.encode(&frozen)?)) }
}
