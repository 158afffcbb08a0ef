//! An in-process Kafka for the demo: no transactions isolation, no durability, ready in 20 ms.

use rdkafka::{error::KafkaError, mocking::MockCluster, producer::DefaultProducerContext};

/// A broker inside this process. Aborted records are visible: it proves nothing about
/// exactly-once.
pub struct MockBroker {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

impl MockBroker {
    /// Starts a broker on a free port of the loopback interface.
    ///
    /// # Errors
    /// When librdkafka cannot start it.
    pub fn start() -> Result<Self, KafkaError> {
        Ok(Self { cluster: MockCluster::new(1)? })
    }

    /// Creates a topic with one partition.
    ///
    /// # Errors
    /// When the topic exists.
    pub fn create_topic(&self, topic: &str) -> Result<(), KafkaError> {
        self.cluster.create_topic(topic, 1, 1)
    }

    /// Returns the address for `brokers`.
    pub fn bootstrap(&self) -> String {
        self.cluster.bootstrap_servers()
    }
}
