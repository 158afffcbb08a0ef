//! What the exactly-once loop asks of a worker.

use super::Detect;
use crate::{
    kafka::{
        Clients, Closing, Offset, Refused, Stage, StageBatch, Standing,
        producer::{Answers, Topics},
        record_of,
    },
    model::TopicPartition,
    ops::{clock, failpoint},
    pipeline::{
        PartitionPhase, RuntimeError,
        detect::{fold::WorkerFold, partition::Partition},
    },
};
use rdkafka::message::BorrowedMessage;
use std::time::Duration;

impl Stage for Detect<'_> {
    type Error = RuntimeError;

    const IDLE: Duration = Duration::from_millis(100);

    fn take(&mut self, message: &BorrowedMessage<'_>) -> Result<(), RuntimeError> {
        let mut headers = Vec::new();
        self.fold.take(record_of(message, &mut headers)).map_err(RuntimeError::Refused)
    }

    fn at_end(&mut self, partition: i32) -> Result<(), RuntimeError> {
        self.fold.at_end(partition).map_err(RuntimeError::Refused)
    }

    fn polled(&mut self) {
        if std::mem::take(&mut self.fold.is_rebuilt) {
            self.keep(None);
        }
    }

    fn patience(&self) -> Option<Duration> {
        self.fold.patience()
    }

    fn has_turns(&mut self) -> bool {
        let WorkerFold { steering, partitions, observer, .. } = &mut self.fold;
        if let Some(feed) = &self.feed {
            steering.read(feed, partitions, *observer);
        }
        self.fold.has_turns()
    }

    fn prepare(&mut self, now_ms: i64, is_stopping: bool) {
        // From here on nothing is any record's fault.
        self.fold.partitions.iter_mut().for_each(|p| p.watch.between());
        self.fold.draw_checkpoints(now_ms, is_stopping);
        if failpoint::is_on("hash_order") {
            self.fold.outbox.scramble();
        }
    }

    fn batch(&self) -> StageBatch<'_> {
        let outputs = &self.ctx.params.outputs;
        let answers = Answers {
            messages: &self.fold.outbox.messages,
            checkpoints: &self.fold.outbox.checkpoints,
            topics: Topics {
                alerts: &outputs.alerts,
                dead_letters: &outputs.dead_letters,
                checkpoints: &outputs.checkpoints,
                control: &outputs.control,
            },
        };
        StageBatch { answers: Some(answers), passed: Vec::new() }
    }

    fn offsets(&self) -> Vec<Offset> {
        self.fold.offsets()
    }

    fn committed(&mut self, offsets: &[Offset], now_ms: i64, seconds: f64) {
        self.fold.committed(offsets, now_ms, seconds);
    }

    fn before_commit(&mut self) -> Result<(), RuntimeError> {
        self.fold.steer(self.feed.as_ref()).map_err(RuntimeError::Refused)
    }

    fn after_commit(&mut self, clients: &mut Clients<'_>) -> Result<(), RuntimeError> {
        self.keep(None);
        let flooded = self.fold.end_batch();
        self.tell(clients);
        if !flooded.is_empty() {
            clients.pause(&flooded)?;
        }
        Ok(())
    }

    fn open(
        &mut self,
        clients: &mut Clients<'_>,
        places: &[TopicPartition],
    ) -> Result<Vec<(TopicPartition, i64)>, RuntimeError> {
        self.check_widths(clients, places)?;
        self.open_all(clients, places)
    }

    fn release(&mut self, places: &[TopicPartition], is_lost: bool) -> Vec<TopicPartition> {
        if !is_lost {
            self.keep(Some(places));
            self.fold.leave(places);
        }
        self.fold.release(places);
        places.to_vec()
    }

    fn standings(&self) -> Vec<Standing> {
        let standing =
            |p: &Partition| Standing { at: p.at.clone(), next: p.next, is_held: p.is_paused };
        self.fold.partitions.iter().map(standing).collect()
    }

    fn outputs(&self) -> Vec<&str> {
        self.ctx.params.outputs.topics().into_iter().collect()
    }

    fn too_large(&self, Refused { topic, n_bytes, .. }: &Refused) -> String {
        format!(
            "output topic {topic} refuses a message of {n_bytes} bytes: raise its \
             max.message.bytes (1 MiB holds everything that is sent), and start again; nothing \
             is lost"
        )
    }

    fn report(&mut self, clients: &mut Clients<'_>) -> Result<(), RuntimeError> {
        // What came in before the input fell silent is worth keeping too.
        self.keep(None);
        self.tell(clients);
        for p in &self.fold.partitions {
            let (topic, partition) = (&p.at.topic, p.at.partition);
            if let PartitionPhase::Rebuilding { done, total } = p.phase() {
                tracing::info!(topic, partition, done, total, "rebuilding state");
            }
        }
        self.check_widths(clients, &[])
    }

    fn stopped(&mut self) {
        let places = self.places();
        self.keep(Some(&places));
    }

    fn leave(&mut self, _clients: &mut Clients<'_>) {
        let owned = self.places();
        self.fold.leave(&owned);
    }

    fn close(&mut self) -> Option<Closing> {
        self.feed.take().map(|feed| feed.close())
    }

    fn now_ms(&self) -> i64 {
        clock::now_ms()
    }
}
