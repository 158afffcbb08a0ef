//! Taking over on a real broker: snapshots, and facts that contradict each other.

use crate::{
    broker::header,
    kafka::job::{Job, assert_contiguous, assert_same, lines},
};
use rdkafka::{
    Offset, TopicPartitionList,
    admin::{AdminClient, AdminOptions},
    client::DefaultClientContext,
    consumer::{BaseConsumer, CommitMode, Consumer},
};
use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};
use txwarden::{
    cli::run_args,
    config::Config,
    journal::takeover::OnLostHistory,
    pipeline::{
        PartitionPhase, RestoreOutcome, RuntimeError,
        reset::{Target, reset},
    },
    store,
};

/// A job that keeps snapshots in a directory of its own.
fn job(test: &str) -> Option<(Job, tempfile::TempDir)> {
    let mut job = Job::new(test)?;
    let dir = tempfile::tempdir().unwrap();
    let url = dir.path().display().to_string();
    let (every_records, every_ms) = (300, 1_000);
    job.params.snapshots = store::Params { url, every_records, every_ms, ..Default::default() };
    Some((job, dir))
}

/// Runs until so many records are folded, those of a replay included, and a snapshot holds what was
/// committed; then stops in good order.
fn run_for(job: &Job, n_records: usize, n_committed: usize) -> Vec<RestoreOutcome> {
    let running = job.start();
    running.await_records(n_records);
    job.await_committed(n_committed);
    if job.params.snapshots.is_enabled() {
        running.await_snapshot(n_committed);
    }
    let restored = running.restored();
    running.stop().unwrap();
    restored
}

fn snapshots(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                open.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "snap") {
                found.push(entry);
            }
        }
    }
    found.sort();
    found
}

fn refusal(job: &Job) -> String {
    match job.start().stop_when_done() {
        Err(RuntimeError::Refused(text)) => text,
        other => panic!("not refused: {other:?}"),
    }
}

fn commit(job: &Job, offset: i64, metadata: &str) {
    let mut config = job.broker.config();
    let consumer: BaseConsumer = config.set("group.id", &job.params.kafka.group).create().unwrap();
    let mut list = TopicPartitionList::new();
    let mut element = list.add_partition(&job.input, 0);
    element.set_offset(Offset::Offset(offset)).unwrap();
    element.set_metadata(metadata);
    consumer.commit(&list, CommitMode::Sync).unwrap();
}

fn admin<T, F: Future<Output = T>>(
    job: &Job,
    how: impl FnOnce(AdminClient<DefaultClientContext>) -> F,
) -> T {
    let admin = job.broker.config().create().unwrap();
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(how(admin))
}

fn assert_whole(job: &Job, lines: &[(String, i64)]) {
    let written = job.alerts();
    assert!(written.len() > 10, "only {} alerts", written.len());
    assert_same(&written, &job.fold(lines));
    assert_contiguous(&written);
}

#[test]
fn a_takeover_begins_at_the_newest_snapshot_that_is_whole() {
    let test = "a_takeover_begins_at_the_newest_snapshot_that_is_whole";
    let Some((job, dir)) = job(test) else { return };
    let lines = lines();
    let third = lines.len() / 3;
    job.broker.produce(&job.input, &lines[..third]);
    assert_eq!(run_for(&job, third, third), []);
    // Nothing is folded twice when the snapshot holds it all.
    job.broker.produce(&job.input, &lines[third..2 * third]);
    let running = job.start();
    running.await_records(third);
    job.await_committed(2 * third);
    running.await_snapshot(2 * third);
    assert_eq!(running.restored(), [RestoreOutcome::Restored]);
    assert_eq!(running.n_records(), third);
    running.stop().unwrap();
    // A damaged snapshot costs a replay from the one before.
    let kept = snapshots(dir.path());
    assert_eq!(kept.len(), 2, "two are kept");
    let mut bytes = fs::read(&kept[1]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&kept[1], bytes).unwrap();
    job.broker.produce(&job.input, &lines[2 * third..]);
    let running = job.start();
    job.await_committed(lines.len());
    assert_eq!(running.restored(), [RestoreOutcome::Damaged, RestoreOutcome::Restored]);
    assert!(
        running
            .saw(|phase| matches!(phase, PartitionPhase::Rebuilding { total, .. } if *total > 0))
    );
    running.stop().unwrap();
    assert_whole(&job, &lines);
}

#[test]
fn without_a_usable_snapshot_the_log_is_replayed() {
    let Some((job, dir)) = job("without_a_usable_snapshot_the_log_is_replayed") else { return };
    let lines = lines();
    let half = lines.len() / 2;
    job.broker.produce(&job.input, &lines[..half]);
    run_for(&job, half, half);
    for path in snapshots(dir.path()) {
        fs::write(path, "no snapshot").unwrap();
    }
    job.broker.produce(&job.input, &lines[half..]);
    let restored = run_for(&job, lines.len(), lines.len());
    assert_eq!(restored.last(), Some(&RestoreOutcome::FromLog));
    assert!(restored.contains(&RestoreOutcome::Damaged));
    assert_whole(&job, &lines);
}

#[test]
fn an_offset_that_went_back_is_refused_and_repaired() {
    let Some((job, _dir)) = job("an_offset_that_went_back_is_refused_and_repaired") else { return };
    let lines = lines();
    let half = lines.len() / 2;
    job.broker.produce(&job.input, &lines[..half]);
    run_for(&job, half, half);
    commit(&job, half as i64 - 200, "");
    let refused = refusal(&job);
    assert!(refused.contains(&format!("committed offset {}", half - 200)), "{refused}");
    assert!(refused.contains("txwarden state reset --to proven"), "{refused}");
    let moved = reset(&job.params, Target::Proven, None).unwrap();
    assert_eq!(moved[0].before, Some(half as i64 - 200));
    assert_eq!(moved[0].after, Some(half as i64), "{}", moved[0].why);
    job.broker.produce(&job.input, &lines[half..]);
    run_for(&job, lines.len() - half, lines.len());
    assert_whole(&job, &lines);
}

#[test]
fn lost_offsets_are_refused_where_the_alert_topic_knows_better() {
    let test = "lost_offsets_are_refused_where_the_alert_topic_knows_better";
    let Some((mut job, _dir)) = job(test) else { return };
    job.params.snapshots = store::Params::off();
    let mut lines = lines();
    // A dead letter proves progress beyond the last alert.
    let half = lines.len() / 2;
    lines[half - 1].0 = "not json".to_owned();
    job.broker.produce(&job.input, &lines[..half]);
    run_for(&job, half, half);
    let group = job.params.kafka.group.clone();
    let deleted = admin(&job, |admin| async move {
        admin.delete_groups(&[&group], &AdminOptions::new()).await.unwrap()
    });
    assert!(deleted[0].is_ok(), "{deleted:?}");
    let refused = refusal(&job);
    assert!(refused.contains("has no committed offset"), "{refused}");
    assert!(refused.contains("the offsets were lost"), "{refused}");
    let moved = reset(&job.params, Target::Proven, None).unwrap();
    assert_eq!(moved[0].after, Some(half as i64), "{}", moved[0].why);
    job.broker.produce(&job.input, &lines[half..]);
    run_for(&job, lines.len(), lines.len());
    assert_whole(&job, &lines);
    let letters = job.broker.read_committed(&job.params.outputs.dead_letters);
    let offsets: Vec<_> = letters.iter().filter_map(|m| header(m, "dlq-offset")).collect();
    assert_eq!(offsets, [(half - 1).to_string()], "once");
}

#[test]
fn a_group_with_members_is_not_reset() {
    let Some((job, _dir)) = job("a_group_with_members_is_not_reset") else { return };
    job.broker.produce(&job.input, &lines()[..50]);
    let running = job.start();
    job.await_committed(50);
    let refused = reset(&job.params, Target::Offset(0), None).unwrap_err();
    assert!(refused.to_string().contains("has 1 members"), "{refused}");
    running.stop().unwrap();
    job.await_committed(50);
}

#[test]
fn a_topic_created_anew_is_another_topic() {
    let Some((job, _dir)) = job("a_topic_created_anew_is_another_topic") else { return };
    let lines = lines();
    job.broker.produce(&job.input, &lines[..200]);
    run_for(&job, 200, 200);
    job.broker.delete_topic(&job.input);
    job.broker.create_topic(&job.input, 1);
    job.broker.produce(&job.input, &lines[300..400]);
    // The cluster forgets the offsets of a topic that is deleted.
    let refused = refusal(&job);
    assert!(refused.contains("its log ends at 100"), "{refused}");
    assert!(refused.contains("created anew; use another group"), "{refused}");
    // Longer than the old one: only the records tell.
    job.broker.produce(&job.input, &lines[400..700]);
    let refused = refusal(&job);
    assert!(refused.contains("if the topic was created anew, use another group"), "{refused}");
    reset(&job.params, Target::Proven, None).unwrap();
    let refused = refusal(&job);
    assert!(refused.contains("the topic was deleted and created anew"), "{refused}");
    reset(&job.params, Target::Offset(500), None).unwrap();
    assert!(refusal(&job).contains("its log ends at 400"));
}

#[test]
fn records_deleted_unread_are_not_passed_over_in_silence() {
    let test = "records_deleted_unread_are_not_passed_over_in_silence";
    let Some((mut job, _dir)) = job(test) else { return };
    let lines = lines();
    job.broker.produce(&job.input, &lines[..400]);
    run_for(&job, 400, 400);
    job.broker.produce(&job.input, &lines[400..]);
    let delete_before = |offset| {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&job.input, 0, Offset::Offset(offset)).unwrap();
        admin(&job, |admin| async move {
            admin.delete_records(&list, &AdminOptions::new()).await.unwrap()
        });
    };
    // What a snapshot knows may go.
    delete_before(400);
    run_for(&job, lines.len() - 400, lines.len());
    assert_whole(&job, &lines);
    job.broker.produce(&job.input, &lines[..100]);
    delete_before(lines.len() as i64 + 50);
    let refused = refusal(&job);
    assert!(refused.contains("deleted unread"), "{refused}");
    job.params.on_lost_history = OnLostHistory::Continue;
    let running = job.start();
    job.await_committed(lines.len() + 100);
    running.stop().unwrap();
    assert_contiguous(&job.alerts());
}

#[test]
fn a_group_starts_warm_from_history_in_files() {
    let Some((mut job, dir)) = job("a_group_starts_warm_from_history_in_files") else { return };
    let lines = lines();
    let half = lines.len() / 2;
    let config = dir.path().join("txwarden.yaml");
    let (group, topic) = (&job.params.kafka.group, &job.input);
    let text = format!(
        "version: 1
kafka: {{ group: {group}, start: earliest }}
inputs: [{{ topic: {topic}, format: ethereum_etl, chain: \"eip155:1\" }}]
detect: {{ rules: {{ large_native: {{ severity: high, params: {{ units_min: {{ ETH: 2.0 }} }} }} }} }}
"
    );
    fs::write(&config, text).unwrap();
    let setup = Config::load(&config).unwrap().engine_setup(&job.inputs[0].setup.chain);
    job.inputs[0].setup = setup;
    let history = dir.path().join("history.jsonl");
    let text: String = lines[..half].iter().map(|(line, _)| format!("{line}\n")).collect();
    fs::write(&history, text).unwrap();
    let replay = || {
        let path = |path: &Path| path.display().to_string();
        let alerts = path(&dir.path().join("alerts.jsonl"));
        let args = ["txwarden", "replay", "--quiet", "--alerts", &alerts, "--snapshot"];
        let rest = [path(dir.path()), "-c".to_owned(), path(&config), path(&history)];
        run_args(args.into_iter().map(OsString::from).chain(rest.into_iter().map(OsString::from)))
    };
    assert_eq!(replay(), ExitCode::SUCCESS);
    assert_ne!(replay(), ExitCode::SUCCESS, "there is one already");
    job.broker.produce(&job.input, &lines);
    let restored = run_for(&job, lines.len() - half, lines.len());
    assert_eq!(restored, [RestoreOutcome::Restored]);
    let n_before = job.fold(&lines[..half]).len();
    let written = job.alerts();
    assert!(n_before > 5 && written.len() > 5, "{n_before} and {} alerts", written.len());
    assert_same(&written, &job.fold(&lines)[n_before..]);
    assert_eq!(written[0].provenance.seq, n_before as u64 + 1);
    // The same again without the snapshot: the log's own beginning gives the same.
    snapshots(dir.path()).iter().for_each(|path| fs::remove_file(path).unwrap());
    let restored = run_for(&job, lines.len(), lines.len());
    assert_eq!(restored, [RestoreOutcome::FromLog]);
}
