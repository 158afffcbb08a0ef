//! The control: labels moved to other subjects that are as active at the same time.

use super::{Draw, Labels, Sample, Stream};
use crate::model::EventTime;

/// How many of the best matches one is drawn from.
const MATCHES: usize = 20;
/// A month apart counts as much as activity that differs by the factor e.
const DATE_SCALE: f64 = 30.0 * EventTime::DAY as f64;

/// Where a subject's activity begins, and how much of it there is.
#[derive(Clone, Copy)]
struct Activity {
    subject: u32,
    ln_n: f64,
    first: EventTime,
}

/// Moves each positive label to a random subject of like activity and first date that is not
/// positive; a detector that learned nothing from labels must then rank no better than chance.
///
/// # Cost
/// Positive subjects times subjects.
pub fn relabel(stream: &Stream, sample: &Sample, seed: u64) -> Labels {
    let mut counts: Vec<(u32, Option<EventTime>)> = vec![(0, None); stream.n_names()];
    for &row in &sample.rows {
        let subject = stream.subject(row as usize) as usize;
        if let Some((n, first)) = counts.get_mut(subject) {
            *n += 1;
            first.get_or_insert(stream.time(row as usize));
        }
    }
    let known = (0..).zip(&counts).filter_map(|(subject, &(n, first))| {
        Some(Activity { subject, ln_n: libm::log(f64::from(n)), first: first? })
    });
    let (mut of, mut candidates): (Vec<_>, Vec<_>) =
        known.partition(|a: &Activity| sample.truth.is_positive(a.subject));
    let mut draw = Draw::new(seed, "relabel");
    draw.shuffle(&mut of);
    let mut moved = Vec::with_capacity(of.len());
    for original in of {
        let cost = |other: &Activity| {
            let days = other.first.since(original.first) as f64 / DATE_SCALE;
            (other.ln_n - original.ln_n).abs() + days.abs()
        };
        let n = MATCHES.min(candidates.len());
        if n == 0 {
            break;
        }
        // Equal costs in the order of their numbers: the draw depends on the seed alone.
        candidates.select_nth_unstable_by(n - 1, |a, b| {
            cost(a).total_cmp(&cost(b)).then(a.subject.cmp(&b.subject))
        });
        candidates[..n].sort_by_key(|a| a.subject);
        moved.push(candidates.swap_remove(draw.index(n)).subject);
    }
    Labels::of(stream.n_names(), moved)
}
