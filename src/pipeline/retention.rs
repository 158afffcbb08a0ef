//! Warns when what proves the alerts would be deleted before them.

use super::Outputs;
use crate::kafka::ClientLog;
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use std::time::Duration;

/// How long the brokers may take to describe two topics: a warning is not worth more.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// Compares the retention of alerts and checkpoints, if the brokers tell.
pub fn compare(admin: &AdminClient<ClientLog>, outputs: &Outputs) {
    let (alerts, checkpoints) = (&outputs.alerts, &outputs.checkpoints);
    let (Some(kept), Some(proven)) =
        (retention_ms(admin, alerts), retention_ms(admin, checkpoints))
    else {
        tracing::debug!("the brokers do not tell how long the output topics are kept");
        return;
    };
    if is_shorter(proven, kept) {
        tracing::warn!(
            topic = checkpoints,
            retention_ms = proven,
            alerts_retention_ms = kept,
            "checkpoints are deleted before the alerts that they prove: raise retention.ms"
        );
    }
}

/// Kafka's −1 is for ever.
fn is_shorter(a: i64, b: i64) -> bool {
    a >= 0 && (b < 0 || a < b)
}

fn retention_ms(admin: &AdminClient<ClientLog>, topic: &str) -> Option<i64> {
    let options = AdminOptions::new().request_timeout(Some(ANSWER_MAX));
    let resource = ResourceSpecifier::Topic(topic);
    let described = tokio::runtime::Builder::new_current_thread()
        .build()
        .ok()?
        .block_on(admin.describe_configs([&resource], &options))
        .ok()?;
    let config = described.into_iter().next()?.ok()?;
    config.get("retention.ms")?.value.as_ref()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::is_shorter;

    #[test]
    fn for_ever_is_longest() {
        assert!(is_shorter(1, 2) && is_shorter(1, -1));
        assert!(!is_shorter(2, 2) && !is_shorter(-1, 5) && !is_shorter(-1, -1));
    }
}
