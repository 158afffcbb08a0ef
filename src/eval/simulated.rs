//! A labelled stream of any length from the simulator: the planted incidents' accounts are
//! positive.

use super::{LabelRole, Labels, Stream, TruthError};
use crate::{
    decode::{Format, Settings},
    model::{Chain, ChainError},
    sim::{Evm, Scenario},
};

/// Transactions of a block, on average.
const TXS_PER_BLOCK: f64 = 20.0;
/// Ten minutes: half a million transactions then last half a year, as long as verdicts need.
const BLOCK_SECS: i64 = 600;
/// Accounts per thousand transactions, about as many as the real stream has.
const USERS_PER_1000: usize = 80;

/// Why there is no simulated stream.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimulatedError {
    #[error("the simulated chain has no settings")]
    Chain(#[from] ChainError),
    #[error("too few transactions for an incident")]
    Truth(#[from] TruthError),
}

impl SimulatedError {
    /// Returns the name of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Chain(_) => "chain",
            Self::Truth(source) => source.code(),
        }
    }
}

/// Makes a stream of about `n` transactions and its labels.
///
/// # Errors
/// When no incident fits into so short a stream.
pub fn simulated(n: usize, seed: u64) -> Result<(Stream, Labels), SimulatedError> {
    let settings = Settings::new(Format::EthereumEtl, Chain::parse(Chain::ETHEREUM)?);
    let evm = Evm {
        n_blocks: (n as f64 / TXS_PER_BLOCK) as u64,
        block_secs: BLOCK_SECS,
        txs_per_block: TXS_PER_BLOCK,
        n_users: (n * USERS_PER_1000 / 1_000).max(100),
    };
    let mut feed = Scenario::new(seed).evm(evm).lines();
    let mut stream = Stream::new(settings, LabelRole::To);
    for line in feed.by_ref() {
        stream.push(line.json.as_bytes());
    }
    let mut labels = "subject,is_positive\n".to_owned();
    for subject in feed.truth().incidents.iter().flat_map(|incident| &incident.subjects) {
        labels.push_str(subject);
        labels.push_str(",1\n");
    }
    let truth = Labels::parse(&labels, &stream)?;
    Ok((stream, truth))
}
