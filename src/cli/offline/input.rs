//! What `replay` and `decode` share on the command line: format, chain and files.

use crate::{
    cli::CliError,
    config::{Config, load_mapping, load_schemas},
    decode::{Envelope, Format, Mapping, Settings, Wrapping},
    files::{
        recorded::{LineShape, shape_of_line},
        records::Records,
    },
    model::Chain,
    pipeline::InputParams,
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// Which records are read, and how.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct InputArgs {
    /// Format of the records: ethereum_etl, ethereum_etl_csv, evm_rpc, evm_block, evm_raw,
    /// bitcoin_etl, bitcoind, bitcoin_raw, bitcoin_zmq or mapped
    #[arg(long, value_parser = parse_format)]
    pub format: Option<Format>,
    /// Chain by CAIP-2 id, e.g. eip155:1
    #[arg(long, value_parser = Chain::parse)]
    pub chain: Option<Chain>,
    /// What the records are, for the format mapped (see config/mappings)
    #[arg(long, value_name = "FILE")]
    pub mapping: Option<PathBuf>,
    /// What records are wrapped in: none, auto, or layers with + between them: gzip, zstd,
    /// cloudevents, confluent, connect, debezium, avro, protobuf
    #[arg(long, value_name = "LAYERS", value_parser = Wrapping::parse)]
    pub envelope: Option<Wrapping>,
    /// The schema (avro, protobuf), or a directory with a file for each id (confluent)
    #[arg(long, value_name = "PATH", requires = "envelope")]
    pub schemas: Option<PathBuf>,
    /// Files of lines or of a JSON array, also .gz, .xz and .zst; `-` is standard input
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
}

impl InputArgs {
    /// Returns the decoder's settings: from the command line, else from the only input of the
    /// configuration.
    pub(in crate::cli) fn settings(&self, config: &Config) -> Result<Settings, CliError> {
        let only = match config.run.inputs.as_slice() {
            [input] => Some(input),
            _ => None,
        };
        self.settings_with(config, only)
    }

    /// As [`Self::settings`], with this input of the configuration.
    pub(in crate::cli) fn settings_with(
        &self,
        config: &Config,
        only: Option<&InputParams>,
    ) -> Result<Settings, CliError> {
        let missing = |flag: &str| CliError::Usage(format!("{flag} is required"));
        let format = self.format.or(only.map(|i| i.format)).ok_or_else(|| missing("--format"))?;
        let chain = match (&self.chain, only) {
            (Some(chain), _) => Some(chain.clone()),
            (None, Some(input)) => Chain::parse(&input.chain).ok(),
            (None, None) => None,
        };
        let mapping = match (self.mapping()?, only) {
            (None, Some(input)) if self.format.is_none() => {
                config.settings(input).and_then(|settings| settings.mapping)
            }
            (given, _) => given,
        };
        if format == Format::Mapped && mapping.is_none() {
            return Err(missing("--mapping"));
        }
        Ok(Settings {
            is_batch_allowed: only.is_none_or(|i| i.allow_batch),
            limits: config.limits.clone(),
            mapping,
            envelope: match (self.envelope()?, only) {
                (Some(envelope), _) => envelope,
                (None, Some(input)) => {
                    config.settings(input).map(|settings| settings.envelope).unwrap_or_default()
                }
                (None, None) => Envelope::default(),
            },
            ..Settings::new(format, chain.ok_or_else(|| missing("--chain"))?)
        })
    }

    /// Reads what the command line says of envelopes, if it does.
    pub(in crate::cli) fn envelope(&self) -> Result<Option<Envelope>, CliError> {
        let Some(wrapping) = &self.envelope else { return Ok(None) };
        let schemas = load_schemas(wrapping, self.schemas.as_deref()).map_err(CliError::Config)?;
        Ok(Some(Envelope { wrapping: wrapping.clone(), schemas }))
    }

    /// Reads the mapping file, if one is given.
    pub(in crate::cli) fn mapping(&self) -> Result<Option<Arc<Mapping>>, CliError> {
        let mapping = self.mapping.as_deref().map(load_mapping).transpose();
        mapping.map_err(|e| CliError::Config(e.to_string()))
    }
}

/// Opens a file of records and returns it with the topic name that stands for it.
pub(in crate::cli) fn open(path: &Path) -> Result<(String, Records), CliError> {
    let records = Records::open(path).map_err(|source| read_error(path, source))?;
    let name = path.file_name().filter(|_| path != Path::new("-"));
    let topic = name.map_or_else(|| "replay".into(), |n| n.to_string_lossy().into_owned());
    Ok((topic, records))
}

/// Refuses what only a named file may hold: `open` hands plain lines out.
pub(in crate::cli) fn check_plain(path: &Path, first: &[u8]) -> Result<(), CliError> {
    if path != Path::new("-") || shape_of_line(first) == LineShape::Plain {
        return Ok(());
    }
    let text = "standard input holds records as Kafka had them, which are read twice: name a file";
    Err(CliError::Usage(text.to_owned()))
}

/// Says which file could not be read.
pub(in crate::cli) fn read_error(path: &Path, source: std::io::Error) -> CliError {
    CliError::Read { path: path.display().to_string(), source }
}

pub(in crate::cli) fn parse_format(text: &str) -> Result<Format, String> {
    Format::parse(text).ok_or_else(|| {
        let known: Vec<_> = Format::ALL.iter().map(|f| f.as_str()).collect();
        format!("known formats are {}", known.join(", "))
    })
}
