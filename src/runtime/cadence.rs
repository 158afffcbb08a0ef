//! When a partition's state is worth another snapshot, and what is handed over then.

use super::{
    Image,
    partition::Partition,
    snapshot::{Job, Params, Place, Publisher},
};
use std::time::{Duration, Instant};

/// When a partition's state was last kept.
#[derive(Clone, Copy, Debug)]
pub struct Kept {
    offset: i64,
    at: Instant,
}

impl Kept {
    /// Begins with what is kept at an offset: a snapshot, or nothing at the start of all.
    pub fn at(offset: i64) -> Self {
        Self { offset, at: Instant::now() }
    }

    fn is_due(&self, next: i64, params: &Params) -> bool {
        let n_records = u64::try_from(next - self.offset).unwrap_or(0);
        let is_late = self.at.elapsed() >= Duration::from_millis(params.every_ms);
        n_records > 0 && (is_late || n_records >= params.every_records)
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
        let is_settled = partition.is_live && partition.committed == Some(partition.next);
        let is_due = partition.kept.is_due(partition.next, params)
            || (is_end && partition.kept.offset < partition.next);
        if !is_settled || !is_due {
            continue;
        }
        let place = Place {
            group: group.to_owned(),
            topic: partition.at.topic.clone(),
            partition: partition.at.partition,
        };
        // While one is being written another would only cost memory.
        if is_end || !publisher.is_busy(&place) {
            publisher.submit(job(partition, place));
            partition.kept = Kept::at(partition.next);
        }
    }
}

fn job(partition: &mut Partition, place: Place) -> Job {
    let image = Image::new(partition.progress(), partition.chain.clone(), partition.flood.clone());
    let header = image.header(place, partition.next, partition.driver.engine());
    let frozen = partition.driver.freeze();
    Job { header, encode: Box::new(move || Ok(image.encode(&frozen)?)) }
}
