//! Static members look for partitions that nobody owns.

use super::Worker;

impl Worker<'_> {
    /// A static member that died between two rounds of a rebalance may leave partitions that
    /// nobody owns.
    pub(super) fn look_for_unowned(&mut self) {
        let params = self.ctx.params;
        if !params.kafka.is_static_member || self.ctx.slot != 0 {
            return;
        }
        let now = self.ctx.inputs.now();
        let inputs: Vec<&str> = now.iter().map(|i| i.topic.as_str()).collect();
        let visited = &params.outputs.alerts;
        match self.unowned.look(&self.consumer, &params.kafka, &inputs, visited) {
            Ok(found) if found.is_empty() => {}
            Ok(partitions) => {
                tracing::warn!(?partitions, "partitions without an owner: the group rebalances");
            }
            // The next look asks again.
            Err(error) => tracing::debug!(%error, "cannot look for partitions without an owner"),
        }
    }
}
