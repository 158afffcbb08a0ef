//! The codecs that batches come in, and which of them librdkafka was built with.

use super::{ConnectionError, Params, client_config};
use std::fmt;

/// How the records of a batch are compressed: every codec that Kafka's protocol has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

impl Codec {
    pub const ALL: [Self; 5] = [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd];

    /// Returns the value of `compression.type`, which is also librdkafka's name of the feature.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }
}

/// The codecs that this program can read, and those it cannot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codecs {
    pub built_in: Vec<Codec>,
    pub missing: Vec<Codec>,
}

impl Codecs {
    /// Asks librdkafka what it was built with.
    ///
    /// # Errors
    /// When it does not say, or the settings are refused.
    pub fn ask(params: &Params) -> Result<Self, ConnectionError> {
        let features = client_config(params)?.create_native_config()?.get("builtin.features")?;
        Ok(Self::of_features(&features))
    }

    /// Reads librdkafka's list of features.
    fn of_features(features: &str) -> Self {
        let is_there = |codec: &Codec| {
            *codec == Codec::None || features.split(',').any(|f| f.trim() == codec.as_str())
        };
        let (built_in, missing) = Codec::ALL.into_iter().partition(is_there);
        Self { built_in, missing }
    }

    /// Checks that none is missing.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn require_all(&self) -> Result<(), String> {
        if self.missing.is_empty() {
            return Ok(());
        }
        let missing = names(&self.missing);
        Err(format!(
            "this program was built without the codecs {missing}: batches in them could not be \
             read; build it with the features of Cargo.toml (gzip is libz-static, zstd is zstd)"
        ))
    }
}

/// Names those that are built in.
impl fmt::Display for Codecs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&names(&self.built_in))
    }
}

fn names(codecs: &[Codec]) -> String {
    codecs.iter().map(|codec| codec.as_str()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_codec_is_built_in() {
        let codecs = Codecs::ask(&Params::default()).unwrap();
        assert_eq!(codecs.to_string(), "none, gzip, snappy, lz4, zstd");
        assert_eq!(codecs.require_all(), Ok(()));
    }

    #[test]
    fn a_missing_codec_is_named() {
        // What librdkafka says of itself when it is built without zlib.
        let codecs = Codecs::of_features("snappy,ssl,sasl,regex,lz4,sasl_plain,zstd,http");
        assert_eq!(codecs.missing, [Codec::Gzip]);
        assert!(codecs.require_all().unwrap_err().contains("without the codecs gzip:"));
        let bare = Codecs::of_features("");
        assert_eq!((names(&bare.built_in), bare.missing.len()), ("none".to_owned(), 4));
        // A feature's name is a whole word.
        assert!(Codecs::of_features("gzip2, lz4").missing.contains(&Codec::Gzip));
    }
}
