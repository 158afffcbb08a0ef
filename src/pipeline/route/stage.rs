//! The stage on Kafka: the exactly-once loop whose stage merges partitions into one output.
//!
//! The group shares out the *output* topics: whoever owns one reads all partitions that become it,
//! because only one place can merge them. The group's generation fences the others.

mod stream;
mod takes;

use super::run::{RouteObserver, RouteSetup};
use crate::{
    kafka::{Clients, Loop},
    model::Start,
    pipeline::RuntimeError,
};
use std::{
    sync::atomic::AtomicBool,
    time::{Duration, Instant},
};
use stream::RoutedStream;

/// How often lanes that stopped at a full window are looked at, and the ends of logs.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What is done to the records of the stage.
pub(super) struct RouteStage<'a> {
    setup: &'a RouteSetup,
    start: Option<Start>,
    streams: Vec<RoutedStream>,
    observer: &'a dyn RouteObserver,
    /// The stage's clock.
    began: Instant,
    looked: Instant,
}

impl<'a> RouteStage<'a> {
    /// Fences the past of this instance and joins the group.
    pub fn connect(
        setup: &'a RouteSetup,
        stop: &'a AtomicBool,
        observer: &'a dyn RouteObserver,
    ) -> Result<Loop<'a, Self>, RuntimeError> {
        let kafka = setup.own_kafka();
        let outputs: Vec<&str> = setup.params.streams.iter().map(|s| s.output.as_str()).collect();
        let clients = Clients::connect(&kafka, 0, &outputs, observer, stop)?;
        let (streams, now) = (Vec::new(), Instant::now());
        let start = kafka.start;
        let stage = Self { setup, start, streams, observer, began: now, looked: now };
        Ok(Loop::new(clients, stage))
    }

    fn clock_ms(&self) -> i64 {
        i64::try_from(self.began.elapsed().as_millis()).unwrap_or(i64::MAX)
    }
}
