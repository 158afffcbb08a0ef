//! Outputs that refuse what is sent: stated, survived where it can be, and nothing lost.

use crate::kafka::job::{Job, assert_contiguous, assert_same, lines};
use txwarden::pipeline::RuntimeError;

fn limited(test: &str, bytes_max: &str) -> Option<Job> {
    let mut job = Job::new(test)?;
    job.params.outputs.alerts = job.broker.name("small");
    let limit = [("max.message.bytes", bytes_max)];
    job.broker.create_topic_with(&job.params.outputs.alerts, 1, &limit);
    Some(job)
}

#[test]
fn alerts_that_are_too_large_together_are_sent_one_by_one() {
    let test = "alerts_that_are_too_large_together_are_sent_one_by_one";
    // Some alerts of a batch are more than this, compressed; none alone is.
    let Some(job) = limited(test, "6000") else { return };
    let lines = lines();
    job.broker.produce(&job.input, &lines);
    let running = job.start();
    running.await_records(lines.len());
    running.stop().unwrap();
    let written = job.alerts();
    assert!(written.len() > 10, "only {} alerts", written.len());
    assert_same(&written, &job.fold(&lines));
    assert_contiguous(&written);
}

#[test]
fn an_alert_that_no_topic_setting_lets_through_is_named_and_not_lost() {
    let test = "an_alert_that_no_topic_setting_lets_through_is_named_and_not_lost";
    let Some(job) = limited(test, "300") else { return };
    let lines = lines();
    job.broker.produce(&job.input, &lines);
    let refused = job.start().stop_when_done().unwrap_err();
    assert!(matches!(refused, RuntimeError::Refused(_)), "{refused:?}");
    let text = refused.to_string();
    assert!(text.contains("raise its max.message.bytes"), "{text}");
    assert!(text.contains(&job.params.outputs.alerts), "{text}");
    assert!(job.alerts().is_empty());
    job.broker.alter_topic(&job.params.outputs.alerts, &[("max.message.bytes", "1048588")]);
    let running = job.start();
    running.await_records(lines.len());
    running.stop().unwrap();
    assert_same(&job.alerts(), &job.fold(&lines));
}

#[test]
fn an_output_topic_that_vanishes_is_named_and_nothing_is_lost() {
    let test = "an_output_topic_that_vanishes_is_named_and_nothing_is_lost";
    let Some(job) = Job::new(test) else { return };
    let lines = lines();
    let half = lines.len() / 2;
    job.broker.produce(&job.input, &lines[..half]);
    let running = job.start();
    running.await_records(half);
    job.await_committed(half);
    let n_before = job.alerts().len();
    job.broker.delete_topic(&job.params.outputs.alerts);
    job.broker.produce(&job.input, &lines[half..]);
    let refused = running.stop_when_done().unwrap_err().to_string();
    assert!(refused.contains("does not exist any more: create it"), "{refused}");
    job.broker.create_topic(&job.params.outputs.alerts, 1);
    let running = job.start();
    running.await_records(lines.len());
    job.await_committed(lines.len());
    running.stop().unwrap();
    let written = job.alerts();
    assert!(!written.is_empty());
    assert_same(&written, &job.fold(&lines)[n_before..]);
}
