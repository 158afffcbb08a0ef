//! Logging to stderr: JSON for machines, readable on a terminal.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// How the process logs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// `error`, `warn`, `info`, `debug`, `trace`, or a filter like `info,txwarden::pipeline=debug`.
    /// Default `info`.
    #[schemars(length(min = 1, max = 4_096))]
    pub level: String,
    /// Default `auto`: JSON unless stderr is a terminal.
    pub format: LogFormat,
}

impl Default for Params {
    fn default() -> Self {
        Self { level: "info".to_owned(), format: LogFormat::Auto }
    }
}

/// How a log line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    #[default]
    Auto,
    Json,
    Pretty,
}

/// Why logging could not be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    #[error("log level {level:?} is not understood")]
    Level {
        level: String,
        #[source]
        source: tracing_subscriber::filter::ParseError,
    },
    #[error("logging was started twice")]
    Twice,
}

/// Starts logging for the whole process.
///
/// # Errors
/// When the level is no filter, or logging was started before.
pub fn start(params: &Params) -> Result<(), LogError> {
    let filter = EnvFilter::try_new(&params.level)
        .map_err(|source| LogError::Level { level: params.level.clone(), source })?;
    let is_terminal = std::io::stderr().is_terminal();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match (params.format, is_terminal) {
        (LogFormat::Json, _) | (LogFormat::Auto, false) => {
            builder.json().flatten_event(true).with_current_span(false).try_init()
        }
        (_, is_terminal) => builder.with_ansi(is_terminal).try_init(),
    };
    started.map_err(|_| LogError::Twice)
}
