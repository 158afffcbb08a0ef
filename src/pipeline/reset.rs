//! Moves a group's offsets by hand, with the metadata that a takeover needs to verify what follows.

use super::{Image, Params, RuntimeError};
use crate::{
    journal::takeover::{Progress, ProgressEvidence, Recorded, Tails, Witness, add},
    kafka::{Patience, client_config, committed_in, offset_list, open, plain_list},
    model::{GroupPartition, TopicPartition},
    pipeline::detect::tails::tails,
    store::Store,
};
use rdkafka::{
    consumer::{BaseConsumer, CommitMode, Consumer as _, DefaultConsumerContext},
    error::KafkaError,
};
use std::{sync::atomic::AtomicBool, time::Duration};

/// How long the cluster may take to answer everything.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// Where offsets are moved to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Behind the last record that output topics, snapshots or offsets prove to be answered:
    /// nothing is lost and nothing is repeated.
    Proven,
    /// The newest snapshot: what was emitted after it is emitted again.
    Snapshot,
    /// An offset: what was emitted after it is emitted again, what lies before it never.
    Offset(i64),
}

/// What was done to one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    pub topic: String,
    pub partition: i32,
    pub before: Option<i64>,
    /// `None` when nothing is known of the partition, which was then left alone.
    pub after: Option<i64>,
    /// What the new offset rests on.
    pub why: String,
}

/// Sets the group's offsets of all input partitions, or of one.
///
/// # Errors
/// When the group has members, the cluster does not answer, or the offset is refused.
pub fn reset(
    params: &Params,
    target: Target,
    only: Option<(&str, i32)>,
) -> Result<Vec<Moved>, RuntimeError> {
    let stop = AtomicBool::new(false);
    let patience = Patience::new(ANSWER_MAX, &stop);
    let group = &params.kafka.group;
    let mut config = client_config(&params.kafka)?;
    config.set("group.id", group).set("enable.auto.commit", "false");
    let consumer: BaseConsumer = open(&config, DefaultConsumerContext)
        .map_err(|source| RuntimeError::Kafka { what: "cannot create a kafka client", source })?;
    refuse_members(&consumer, group, patience)?;
    let tails = tails(&params.kafka, &params.outputs, patience)?;
    let store =
        Store::open(&params.snapshots).map_err(|e| RuntimeError::Params(vec![e.to_string()]))?;
    let mut moved = Vec::new();
    for at in places(&consumer, params, patience)? {
        if only.is_some_and(|wanted| wanted != (at.topic.as_str(), at.partition)) {
            continue;
        }
        moved.push(move_one(&consumer, group, &at, target, &tails, store.as_ref(), patience)?);
    }
    Ok(moved)
}

fn refuse_members(
    consumer: &BaseConsumer,
    group: &str,
    patience: Patience<'_>,
) -> Result<(), RuntimeError> {
    let what = "cannot list the group's members";
    let found = patience
        .ask(|slice| consumer.fetch_group_list(Some(group), slice))
        .map_err(|source| RuntimeError::Kafka { what, source })?;
    let n: usize = found.groups().iter().map(|group| group.members().len()).sum();
    if n > 0 {
        return Err(RuntimeError::Refused(format!(
            "group {group} has {n} members: stop them first (one that was killed leaves after its \
             session timeout)"
        )));
    }
    Ok(())
}

fn places(
    consumer: &BaseConsumer,
    params: &Params,
    patience: Patience<'_>,
) -> Result<Vec<TopicPartition>, RuntimeError> {
    let mut places = Vec::new();
    for input in &params.inputs {
        let topic = &input.topic;
        let metadata = patience
            .ask(|slice| consumer.fetch_metadata(Some(topic), slice))
            .map_err(|source| RuntimeError::Kafka { what: "cannot read an input", source })?;
        let n = metadata.topics().first().map_or(0, |found| found.partitions().len());
        places.extend(
            (0..).take(n).map(|partition| TopicPartition { topic: topic.clone(), partition }),
        );
    }
    Ok(places)
}

fn move_one(
    consumer: &BaseConsumer,
    group: &str,
    at: &TopicPartition,
    target: Target,
    tails: &Tails,
    store: Option<&Store>,
    patience: Patience<'_>,
) -> Result<Moved, RuntimeError> {
    let cannot = |what| move |source: KafkaError| RuntimeError::Kafka { what, source };
    let committed = patience
        .ask(|slice| {
            let list = consumer.committed_offsets(plain_list(std::slice::from_ref(at)), slice)?;
            committed_in(&list, at)
        })
        .map_err(cannot("cannot read offsets"))?;
    let before = committed.as_ref().map(|(offset, _)| *offset);
    let mut evidence = tails.get(at).cloned().unwrap_or_default();
    let image = store.and_then(|store| newest_image(store, group, at, target));
    if let Some((offset, image)) = &image {
        let seq = Some(image.chain.seq());
        let head = Some(image.chain.head().to_string());
        add(
            &mut evidence,
            ProgressEvidence { witness: Witness::Snapshot, next: *offset, seq, head },
        );
    }
    let proven = evidence.iter().map(|proof| proof.next).chain(before).max();
    let (after, why) = match target {
        Target::Proven => {
            let why = evidence.iter().max_by_key(|proof| proof.next).map(ToString::to_string);
            (proven, why.unwrap_or_else(|| "nothing proves any progress".to_owned()))
        }
        Target::Snapshot => {
            let offset = image.as_ref().map(|(offset, _)| *offset);
            (offset, "the newest snapshot that can be read".to_owned())
        }
        Target::Offset(offset) => (Some(offset), "the command line".to_owned()),
    };
    let low = patience
        .ask(|slice| consumer.fetch_watermarks(&at.topic, at.partition, slice))
        .map_err(cannot("cannot read the log's end"))?
        .0;
    let (topic, partition) = (at.topic.clone(), at.partition);
    let Some(offset) = after else {
        return Ok(Moved { topic, partition, before, after, why });
    };
    let old = committed.and_then(|(_, text)| Recorded::parse(&text));
    let metadata = metadata(offset, image.as_ref(), old.as_ref(), &evidence, low);
    let list =
        offset_list([(at, offset, metadata.as_str())]).map_err(cannot("cannot set an offset"))?;
    consumer.commit(&list, CommitMode::Sync).map_err(cannot("cannot commit an offset"))?;
    Ok(Moved { topic, partition, before, after, why })
}

/// Reads the newest snapshot that is whole; with an offset as the target, none beyond it.
fn newest_image(
    store: &Store,
    group: &str,
    at: &TopicPartition,
    target: Target,
) -> Option<(i64, Image)> {
    let place = GroupPartition {
        group: group.to_owned(),
        topic: at.topic.clone(),
        partition: at.partition,
    };
    let entries = store.list(&place).unwrap_or_else(|error| {
        tracing::warn!(%place, %error, "snapshots cannot be listed");
        Vec::new()
    });
    let is_wanted = |offset| !matches!(target, Target::Offset(at) if offset > at);
    entries.iter().map(|entry| entry.offset).filter(|offset| is_wanted(*offset)).find_map(
        |offset| {
            let read = store.load(&place, offset).ok();
            let image = read.and_then(|snapshot| Some(Image::decode(&snapshot.body).ok()?.0));
            if image.is_none() {
                tracing::warn!(%place, offset, "snapshot cannot be read");
            }
            Some((offset, image?))
        },
    )
}

/// Writes what is known to hold at an offset; what is not known is left out and not compared.
fn metadata(
    offset: i64,
    image: Option<&(i64, Image)>,
    old: Option<&Recorded>,
    evidence: &[ProgressEvidence],
    low: i64,
) -> String {
    if let Some((at, image)) = image
        && *at == offset
    {
        return image.progress.render();
    }
    let base = image.map(|(_, image)| &image.progress);
    let known = |ours: fn(&Progress) -> String, theirs: fn(&Recorded) -> String| {
        base.map(ours).or_else(|| old.map(theirs)).unwrap_or_default()
    };
    let start = base.map(|p| p.start).or(old.map(|r| r.start)).unwrap_or(low);
    let setup = known(|p| p.setup.clone(), |r| r.setup.clone());
    let version = known(|p| p.version.clone(), |r| r.version.clone());
    // All evidence lies before the offset, so the last alert that is known of is the last.
    let last = evidence.iter().filter(|proof| proof.next <= offset).max_by_key(|proof| proof.seq);
    let is_last = evidence.iter().all(|proof| proof.next <= offset);
    let mut text = format!("v=2;s={start};c={setup};p={version}");
    if let Some(ProgressEvidence { seq: Some(seq), head, .. }) = last.filter(|_| is_last) {
        text.push_str(&format!(";n={seq}"));
        if let Some(head) = head {
            text.push_str(&format!(";h={head}"));
        }
    }
    text
}
