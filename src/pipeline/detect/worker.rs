//! One worker thread: the exactly-once loop whose stage answers records with alerts.

mod stage;
mod takes;

use super::{cadence, checkpoints::Checkpoints, fold::WorkerFold};
use crate::{
    audit::Signer,
    kafka::{Clients, Lookout, Loop},
    model::TopicPartition,
    pipeline::{
        Observer, Params, RuntimeError,
        control::{Agreement, Inputs, VerdictFeed},
        topics,
    },
    store::{Publisher, Store},
};
use std::{collections::BTreeMap, sync::atomic::AtomicBool};

/// What a worker is made from.
#[derive(Clone, Copy)]
pub struct WorkerContext<'a> {
    pub slot: usize,
    pub params: &'a Params,
    pub inputs: &'a Inputs,
    /// How many partitions each topic had at the start.
    pub widths: &'a BTreeMap<String, usize>,
    /// Who signs checkpoints.
    pub signer: Option<&'a Signer>,
    /// Where snapshots are; `None` when they are turned off.
    pub store: Option<&'a Store>,
    pub publisher: Option<&'a Publisher>,
    pub observer: &'a dyn Observer,
    pub agreement: &'a dyn Agreement,
    pub stop: &'a AtomicBool,
}

/// A worker with its clients.
pub struct Worker<'a>(Loop<'a, Detect<'a>>);

/// What is done to the records of one worker.
struct Detect<'a> {
    ctx: WorkerContext<'a>,
    fold: WorkerFold<'a>,
    /// Where verdicts come from, if from anywhere.
    feed: Option<VerdictFeed>,
    /// How many partitions the topics have; only those of inputs are kept up to date.
    widths: BTreeMap<String, usize>,
    _lookout: Option<Lookout>,
}

impl<'a> Worker<'a> {
    /// Fences this slot's past and joins the group.
    ///
    /// # Errors
    /// When a client cannot be made.
    pub fn connect(ctx: WorkerContext<'a>) -> Result<Self, RuntimeError> {
        let params = ctx.params;
        let known = ctx.inputs.now();
        let topics: Vec<&str> = known.iter().map(|i| i.topic.as_str()).collect();
        let clients = Clients::connect(&params.kafka, ctx.slot, &topics, ctx.observer, ctx.stop)?;
        let checkpoints =
            Checkpoints { params: &params.audit, signer: ctx.signer, group: &params.kafka.group };
        let WorkerContext { inputs, observer, agreement, .. } = ctx;
        let (batch, on_flood) = (&params.batch, params.on_flood);
        let fold = WorkerFold::new(inputs, batch, on_flood, observer, checkpoints, agreement);
        let feed = params
            .verdicts
            .topic
            .as_ref()
            .map(|topic| VerdictFeed::connect(&params.kafka, topic, clients.patience()));
        let cannot = |source| RuntimeError::Kafka { what: "cannot read the verdicts", source };
        let feed = feed.transpose().map_err(cannot)?;
        let lookout = lookout(&ctx, &topics)?;
        let widths = ctx.widths.clone();
        let stage = Detect { ctx, fold, feed, widths, _lookout: lookout };
        Ok(Self(Loop::new(clients, stage)))
    }

    /// Works until told to stop, then leaves in good order.
    ///
    /// # Errors
    /// When only a new process can go on.
    pub fn run(self) -> Result<(), RuntimeError> {
        self.0.run()
    }
}

impl Detect<'_> {
    /// Has snapshots taken where they are due, or of all partitions that we are about to lose.
    fn keep(&mut self, ending: Option<&[TopicPartition]>) {
        let Some(publisher) = self.ctx.publisher else { return };
        let Params { snapshots, kafka, .. } = self.ctx.params;
        let partitions = self.fold.partitions.iter_mut();
        let wanted = partitions.filter(|p| ending.is_none_or(|ending| ending.contains(&p.at)));
        cadence::take(publisher, snapshots, &kafka.group, wanted, ending.is_some());
    }

    fn places(&self) -> Vec<TopicPartition> {
        self.fold.partitions.iter().map(|p| p.at.clone()).collect()
    }

    /// Tells what is wrong with the records that were read.
    fn tell(&self, clients: &mut Clients<'_>) {
        for p in self.fold.partitions.iter().filter(|p| p.is_live) {
            p.troubles().for_each(|(kind, trouble)| clients.reading.set(&p.at, kind, trouble));
        }
    }

    /// Refuses to go on when a topic has grown that must not: as a start would.
    fn check_widths(
        &mut self,
        clients: &Clients<'_>,
        assigned: &[TopicPartition],
    ) -> Result<(), RuntimeError> {
        let mut widths = self.widths.clone();
        for input in &self.ctx.params.inputs {
            let its = assigned.iter().filter(|at| at.topic == input.topic);
            let assigned = its.filter_map(|at| usize::try_from(at.partition + 1).ok()).max();
            let told = clients.consumer.width_of(&input.topic);
            let before = widths.get(&input.topic).copied();
            if let Some(n) = told.max(assigned).max(before) {
                widths.insert(input.topic.clone(), n);
            }
        }
        if widths == self.widths {
            return Ok(());
        }
        topics::check_inputs(self.ctx.params, &widths, self.ctx.observer)?;
        self.widths = widths;
        Ok(())
    }
}

/// A static member that died between two rounds of a rebalance may leave partitions that nobody
/// owns: each instance of static members looks for them.
fn lookout(ctx: &WorkerContext<'_>, topics: &[&str]) -> Result<Option<Lookout>, RuntimeError> {
    let Params { kafka, outputs, .. } = ctx.params;
    let is_due = kafka.is_static_member && ctx.slot == 0;
    Ok(is_due.then(|| Lookout::start(kafka, topics, &outputs.alerts)).transpose()?)
}
