//! What the group gives and takes: opening partitions, and giving them back in good order.

use super::{Loop, Stage};
use crate::{
    kafka::{Patience, Rebalanced},
    model::TopicPartition,
};
use std::time::Duration;

/// How long to wait for the rebalance that refused a batch before trying again: one that leaves
/// our partitions alone is over without a word. Trying too early is refused once more.
const REBALANCE_MAX: Duration = Duration::from_millis(500);

impl<S: Stage> Loop<'_, S> {
    pub(super) fn rebalance(&mut self, change: Rebalanced) -> Result<(), S::Error> {
        match change {
            Rebalanced::Assigned(places) => {
                self.take_over(&places)?;
                // A first start is recorded at once: `latest` must mean the same after a crash.
                self.end_batch()?;
                self.stage.settled();
                Ok(())
            }
            Rebalanced::Revoked { partitions, is_lost } => {
                // A failure loses nothing: the next owner starts at what was committed.
                if !is_lost && let Err(error) = self.transact() {
                    tracing::warn!(%error, "last batch before a revocation not committed");
                    self.replace_producer(error.remedy())?;
                    self.settle(&error)?;
                }
                self.give_back(&partitions, is_lost)
            }
        }
    }

    fn take_over(&mut self, places: &[TopicPartition]) -> Result<(), S::Error> {
        let offsets = self.stage.open(&mut self.clients, places).inspect_err(|_| {
            // The group waits for an answer, and cannot be left without one.
            let anywhere: Vec<_> = places.iter().map(|at| (at.clone(), 0)).collect();
            if let Err(error) = self.clients.consumer.assign(&anywhere) {
                self.clients.consumer.log().report(&error, "assign before leaving");
            }
        })?;
        self.clients.assign(&offsets)?;
        self.stage.assigned(&mut self.clients, places)
    }

    fn give_back(&mut self, places: &[TopicPartition], is_lost: bool) -> Result<(), S::Error> {
        let (slot, partitions) = (self.clients.slot, list(places));
        tracing::info!(slot, %partitions, is_lost, "partitions revoked");
        let mut read = self.stage.release(places, is_lost);
        // The client remembers across a revocation that a partition was paused: it would never be
        // read again by whoever gets it back. Resuming what was assigned a moment ago is no way
        // out: its fetch would start out of date.
        self.clients.resume(&read)?;
        let others: Vec<_> = places.iter().filter(|at| !read.contains(at)).cloned().collect();
        read.extend(others);
        Ok(self.clients.unassign(&read)?)
    }

    /// Polls without reading until the group has told us what is ours.
    pub(super) fn await_rebalance(&mut self) -> Result<(), S::Error> {
        let owned: Vec<_> = self.stage.standings().into_iter().map(|s| s.at).collect();
        self.clients.pause(&owned)?;
        let patience = Patience::new(REBALANCE_MAX, self.clients.stop());
        while !patience.is_over() {
            self.poll(S::IDLE)?;
            match self.clients.consumer.next_rebalance() {
                None => {}
                // What is revoked here was already refused: there is nothing left to commit.
                Some(Rebalanced::Revoked { partitions, .. }) => {
                    self.give_back(&partitions, true)?;
                    break;
                }
                Some(Rebalanced::Assigned(places)) => {
                    self.take_over(&places)?;
                    self.stage.settled();
                    break;
                }
            }
        }
        let standings = self.stage.standings().into_iter();
        let kept = standings.filter(|s| !s.is_held && owned.contains(&s.at));
        let kept: Vec<_> = kept.map(|s| s.at).collect();
        Ok(self.clients.resume(&kept)?)
    }

    /// Opens anew what the stage says has grown: the group's assignment stays as it is.
    pub(super) fn reopen(&mut self) -> Result<(), S::Error> {
        if self.stage.grown(&self.clients).is_empty() {
            return Ok(());
        }
        self.flush()?;
        let grown = self.stage.grown(&self.clients);
        tracing::info!(partitions = %list(&grown), "inputs have grown: opened anew");
        let read = self.stage.release(&grown, true);
        self.clients.resume(&read)?;
        self.clients.unassign(&read)?;
        let mut opened = self.stage.open(&mut self.clients, &grown)?;
        opened.retain(|(at, _)| !grown.contains(at));
        self.clients.assign(&opened)?;
        self.flush()
    }
}

/// Names partitions on one line.
fn list(places: &[TopicPartition]) -> String {
    places.iter().map(|at| format!("{}/{}", at.topic, at.partition)).collect::<Vec<_>>().join(", ")
}
