//! What `replay` and `decode` share on the command line: format, chain and files.

use super::CliError;
use crate::{
    decode::{Format, Limits, Settings},
    model::Chain,
    source::file::Records,
};
use serde::{Deserialize, de::IntoDeserializer};
use std::path::{Path, PathBuf};

/// Which records are read, and how.
#[derive(Debug, clap::Args)]
pub(super) struct InputArgs {
    /// Format of the records, e.g. ethereum_etl or bitcoin_etl
    #[arg(long, value_parser = parse_format)]
    pub format: Option<Format>,
    /// Chain by CAIP-2 id, e.g. eip155:1
    #[arg(long, value_parser = Chain::parse)]
    pub chain: Option<Chain>,
    /// Files of JSON lines or a JSON array, also .gz and .zst; `-` is standard input
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
}

impl InputArgs {
    /// Returns the decoder's settings with the given limits.
    pub(super) fn settings(&self, limits: Limits) -> Result<Settings, CliError> {
        let format = self.format.ok_or_else(|| CliError::Usage("--format is required".into()))?;
        let chain =
            self.chain.clone().ok_or_else(|| CliError::Usage("--chain is required".into()))?;
        Ok(Settings { format, chain, is_batch_allowed: true, limits })
    }
}

/// Opens a file of records and returns it with the topic name that stands for it.
pub(super) fn open(path: &Path) -> Result<(String, Records), CliError> {
    let records = Records::open(path).map_err(|source| read_error(path, source))?;
    let name = path.file_name().filter(|_| path != Path::new("-"));
    let topic = name.map_or_else(|| "replay".into(), |n| n.to_string_lossy().into_owned());
    Ok((topic, records))
}

/// Says which file could not be read.
pub(super) fn read_error(path: &Path, source: std::io::Error) -> CliError {
    CliError::Read { path: path.display().to_string(), source }
}

fn parse_format(text: &str) -> Result<Format, serde::de::value::Error> {
    Format::deserialize(text.into_deserializer())
}
