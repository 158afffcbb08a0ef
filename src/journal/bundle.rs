//! Everything that can change an answer apart from the log, as one file under its hash.

use crate::{
    decode::Settings,
    engine::{Params, Setup},
    model::{Chain, Reference},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Counts the layouts of the file.
const FORMAT: &str = "txwarden.bundle/1";

/// What one input is judged with: decode settings, engine parameters and reference data.
#[derive(Clone)]
pub struct Bundle {
    /// blake3 of [`Bundle::encode`], hex.
    pub hash: String,
    pub settings: Settings,
    pub setup: Setup,
}

/// Why the bytes of a bundle were refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    #[error("bundle has the format {0:?}, this version knows {FORMAT:?}")]
    Format(String),
    #[error("bundle cannot be read: it is damaged, or has settings of a newer version")]
    Json(#[from] serde_json::Error),
}

impl BundleError {
    /// Returns the label of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Format(_) => "format",
            Self::Json(_) => "json",
        }
    }
}

/// The file. JSON, so that a person can see what was in force; all its maps are sorted, so that the
/// same content has the same hash.
#[derive(Serialize, Deserialize)]
struct BundleFile<R, S> {
    format: String,
    chain: Chain,
    config_hash: String,
    settings: S,
    params: Params,
    reference: R,
}

/// What every later format has as well.
#[derive(Deserialize)]
struct BundleHead {
    format: String,
}

impl Bundle {
    /// Makes the bundle of an input.
    ///
    /// # Errors
    /// Never for settings that were read from a file: all numbers are finite.
    pub fn of(settings: &Settings, setup: &Setup) -> Result<Self, BundleError> {
        let mut bundle =
            Self { hash: String::new(), settings: settings.clone(), setup: setup.clone() };
        bundle.hash = blake3::hash(&bundle.encode()?).to_hex().to_string();
        Ok(bundle)
    }

    /// Writes the file.
    ///
    /// # Errors
    /// As [`Bundle::of`].
    pub fn encode(&self) -> Result<Vec<u8>, BundleError> {
        let Self { settings, setup, .. } = self;
        let file = BundleFile {
            format: FORMAT.to_owned(),
            chain: setup.chain.clone(),
            config_hash: setup.config_hash.clone(),
            settings,
            params: setup.params.clone(),
            reference: &*setup.reference,
        };
        Ok(serde_json::to_vec(&file)?)
    }

    /// Reads a file whose hash was checked.
    ///
    /// # Errors
    /// When it is of another version, or no bundle.
    pub fn decode(hash: &str, bytes: &[u8]) -> Result<Self, BundleError> {
        let BundleHead { format } = serde_json::from_slice(bytes)?;
        if format != FORMAT {
            return Err(BundleError::Format(format));
        }
        let file: BundleFile<Reference, Settings> = serde_json::from_slice(bytes)?;
        let setup = Setup {
            params: file.params,
            reference: Arc::new(file.reference),
            config_hash: file.config_hash,
            ..Setup::new(file.chain)
        };
        Ok(Self { hash: hash.to_owned(), settings: file.settings, setup })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        decode::Format,
        model::{Address, EventTime, Label, LabelKind, Price},
    };

    #[test]
    fn a_bundle_survives_and_its_hash_is_that_of_its_content() {
        let chain = Chain::parse(Chain::ETHEREUM).unwrap();
        let mut params = Params { seed: 7, ..Params::default() };
        let member = r#"{"params": {"units_min": {"ETH": 0.1}}}"#;
        params
            .detect
            .rules
            .insert("large_native".to_owned(), serde_json::from_str(member).unwrap());
        let mut reference = Reference::default();
        let label = Label {
            kind: LabelKind::Mixer,
            name: "m".to_owned(),
            source: "s".to_owned(),
            confidence: 0.7,
            expires: Some(EventTime::from_secs(5)),
        };
        reference.labels.insert(Address::Evm([7; 20]), vec![label]);
        reference.labels.insert(Address::Text("bc1q".into()), Vec::new());
        let price = Price { from: EventTime::from_secs(1), usd: 0.1 + 0.2 };
        reference.prices.insert("ETH".to_owned(), vec![price]);
        let settings = Settings::new(Format::EthereumEtl, chain.clone());
        let setup = Setup {
            params,
            reference: Arc::new(reference),
            config_hash: "c".to_owned(),
            is_reporting_findings: true,
            ..Setup::new(chain)
        };
        let bundle = Bundle::of(&settings, &setup).unwrap();
        let bytes = bundle.encode().unwrap();
        let read = Bundle::decode(&bundle.hash, &bytes).unwrap();
        assert_eq!(read.setup.params, setup.params);
        assert_eq!(read.setup.reference, setup.reference);
        assert_eq!(read.encode().unwrap(), bytes);
        assert!(!read.setup.is_reporting_findings, "how to report is no part of an answer");

        let mut other = setup.clone();
        other.params.seed = 8;
        assert_ne!(Bundle::of(&settings, &other).unwrap().hash, bundle.hash);
        let newer = String::from_utf8(bytes).unwrap().replace("bundle/1", "bundle/2");
        assert_eq!(Bundle::decode("", newer.as_bytes()).err().unwrap().code(), "format");
        assert_eq!(Bundle::decode("", b"{").err().unwrap().code(), "json");
    }
}
