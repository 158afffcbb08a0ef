//! What the exactly-once loop asks of the stage.

use super::{LOOK_EVERY, RouteStage, stream::RoutedStream};
use crate::{
    kafka::{Clients, Offset, Refused, Stage as Steps, StageBatch, Standing},
    model::TopicPartition,
    pipeline::{RuntimeError, not_one},
};
use rdkafka::{Message as _, message::BorrowedMessage};
use std::time::{Duration, Instant};

impl Steps for RouteStage<'_> {
    type Error = RuntimeError;

    /// Bounds the time to notice that a window is over, too.
    const IDLE: Duration = Duration::from_millis(50);

    fn take(&mut self, message: &BorrowedMessage<'_>) -> Result<(), RuntimeError> {
        let now_ms = self.clock_ms();
        let stream = self.streams.iter_mut().find_map(|s| {
            let lane = s.lane_of(message.topic(), message.partition())?;
            Some((s, lane))
        });
        if let Some((stream, lane)) = stream {
            stream.take(lane, message, now_ms);
        }
        Ok(())
    }

    fn patience(&self) -> Option<Duration> {
        None
    }

    fn has_turns(&mut self) -> bool {
        self.streams.iter().any(|s| s.is_due(&self.setup.batch))
    }

    fn batch(&self) -> StageBatch<'_> {
        StageBatch {
            answers: None,
            passed: self.streams.iter().map(RoutedStream::outbox).collect(),
        }
    }

    fn offsets(&self) -> Vec<Offset> {
        self.streams.iter().flat_map(RoutedStream::offsets).collect()
    }

    fn committed(&mut self, offsets: &[Offset], _now_ms: i64, _seconds: f64) {
        for stream in &mut self.streams {
            let (counts, n_held) = stream.committed(offsets);
            self.observer.routed(stream.output(), counts, n_held);
        }
    }

    fn open(
        &mut self,
        clients: &mut Clients<'_>,
        places: &[TopicPartition],
    ) -> Result<Vec<(TopicPartition, i64)>, RuntimeError> {
        let now_ms = self.clock_ms();
        let consumer = &clients.consumer;
        let patience = || clients.patience();
        let mut offsets = Vec::new();
        for output in places {
            if output.partition > 0 {
                let n = usize::try_from(output.partition).unwrap_or_default() + 1;
                let n = consumer.width_of(&output.topic).unwrap_or(n).max(n);
                return Err(not_one(&output.topic, n));
            }
            let what = "cannot find the end of an output";
            let bounds = consumer.bounds(output, patience());
            let (_, end) = bounds.map_err(|source| RuntimeError::Kafka { what, source })?;
            offsets.push((output.clone(), end));
            let mut known = self.setup.params.streams.iter().zip(&self.setup.settings);
            let Some((params, settings)) = known.find(|(s, _)| s.output == output.topic) else {
                continue;
            };
            let stream =
                RoutedStream::open(params, settings, consumer, self.start, &patience, now_ms)?;
            offsets.extend(stream.starts());
            let n_inputs = stream.places().count();
            tracing::info!(output = output.topic, n_inputs, "stream taken over");
            self.streams.push(stream);
        }
        Ok(offsets)
    }

    fn assigned(
        &mut self,
        clients: &mut Clients<'_>,
        places: &[TopicPartition],
    ) -> Result<(), RuntimeError> {
        // The outputs stand for their streams in the group; they are not read.
        Ok(clients.pause(places)?)
    }

    fn settled(&mut self) {
        self.observer.settled();
    }

    fn release(&mut self, places: &[TopicPartition], _is_lost: bool) -> Vec<TopicPartition> {
        let is_gone = |s: &&RoutedStream| places.iter().any(|at| at.topic == s.output());
        let read = self.streams.iter().filter(is_gone).flat_map(RoutedStream::places).collect();
        self.streams.retain(|s| !is_gone(&s));
        read
    }

    fn grown(&self, clients: &Clients<'_>) -> Vec<TopicPartition> {
        let grown = self.streams.iter().filter(|s| s.has_grown(&clients.consumer));
        grown.map(|s| TopicPartition { topic: s.output().to_owned(), partition: 0 }).collect()
    }

    fn standings(&self) -> Vec<Standing> {
        self.streams.iter().flat_map(RoutedStream::standings).collect()
    }

    fn outputs(&self) -> Vec<&str> {
        self.setup.params.streams.iter().map(|s| s.output.as_str()).collect()
    }

    fn too_large(&self, refused: &Refused) -> String {
        format!(
            "output topic {} refuses a record of {} bytes: raise its max.message.bytes to that of \
             the input topics, and start again; nothing is lost",
            refused.topic, refused.n_bytes
        )
    }

    /// Lets out what is due, and holds lanes that are too far ahead.
    fn tick(&mut self, clients: &mut Clients<'_>) -> Result<(), RuntimeError> {
        if self.looked.elapsed() < LOOK_EVERY {
            return Ok(());
        }
        self.looked = Instant::now();
        let now_ms = self.clock_ms();
        for stream in &mut self.streams {
            let (paused, resumed) = stream.look(&clients.consumer, now_ms);
            if !paused.is_empty() {
                clients.pause(&paused)?;
            }
            if !resumed.is_empty() {
                clients.resume(&resumed)?;
            }
        }
        Ok(())
    }

    fn report(&mut self, clients: &mut Clients<'_>) -> Result<(), RuntimeError> {
        for stream in &self.streams {
            match clients.consumer.width_of(stream.output()) {
                Some(n) if n > 1 => return Err(not_one(stream.output(), n)),
                _ => {}
            }
        }
        Ok(())
    }

    fn leave(&mut self, clients: &mut Clients<'_>) {
        // On closing the client gives back what the group gave it: the outputs alone.
        let inputs: Vec<TopicPartition> =
            self.streams.iter().flat_map(RoutedStream::places).collect();
        if let Err(error) = clients.consumer.unassign(&inputs) {
            clients.consumer.log().report(&error, "unassign before leaving");
        }
    }

    fn now_ms(&self) -> i64 {
        self.clock_ms()
    }
}
