//! Why `run` cannot go on.

use crate::engine::EngineError;

/// Why `run` cannot go on. Every case leaves the process; a supervisor restarts it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    #[error("the configuration is wrong: {}", .0.join("; "))]
    Params(Vec<String>),
    #[error("cannot make an engine for topic {topic}")]
    Engine {
        topic: String,
        #[source]
        source: EngineError,
    },
    /// The state of the log, the group or the topics needs a person.
    #[error("{0}")]
    Refused(String),
    #[error("a thread cannot be started")]
    Thread(#[source] std::io::Error),
    #[cfg(feature = "kafka")]
    #[error("cannot connect to kafka")]
    Connection(#[from] crate::kafka::ConnectionError),
    #[cfg(feature = "kafka")]
    #[error("{what}")]
    Kafka {
        what: &'static str,
        #[source]
        source: rdkafka::error::KafkaError,
    },
    #[error("{what} took longer than {seconds} s")]
    Deadline { what: &'static str, seconds: u64 },
    #[error("worker {0} panicked")]
    Panicked(usize),
}

impl RuntimeError {
    /// Returns the label of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Params(_) => "params",
            Self::Engine { .. } => "engine",
            Self::Refused(_) => "refused",
            Self::Thread(_) => "thread",
            #[cfg(feature = "kafka")]
            Self::Connection(_) => "connection",
            #[cfg(feature = "kafka")]
            Self::Kafka { .. } => "kafka",
            Self::Deadline { .. } => "deadline",
            Self::Panicked(_) => "panicked",
        }
    }

    /// Returns whether a restart without a change may succeed.
    pub fn is_retryable(&self) -> bool {
        !matches!(self, Self::Params(_) | Self::Engine { .. } | Self::Refused(_))
    }
}

#[cfg(feature = "kafka")]
impl From<crate::kafka::Failure> for RuntimeError {
    fn from(failure: crate::kafka::Failure) -> Self {
        use crate::kafka::Failure;
        match failure {
            Failure::Connection(source) => Self::Connection(source),
            Failure::Kafka { what, source } => Self::Kafka { what, source },
            Failure::Refused(why) => Self::Refused(why),
            Failure::Deadline { what, seconds } => Self::Deadline { what, seconds },
        }
    }
}

/// Returns an error and its causes in one line.
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Some libraries repeat the cause in their own text.
        let said = error.to_string();
        if !text.ends_with(&said) {
            text.push_str(&format!(": {said}"));
        }
        cause = error.source();
    }
    text
}
