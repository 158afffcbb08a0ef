//! Why the store cannot do what it was asked.

/// Why the store cannot do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    #[error("snapshots.url {url} cannot be used: {why}")]
    Url { url: String, why: String },
    #[error("{what} does not exist")]
    Missing { what: String },
    /// Never what was written: half of it, or other bytes.
    #[error("{what} is damaged: {why}")]
    Damaged { what: String, why: &'static str },
    #[error("{what} was written by a newer version (layout {found}, this one knows up to {known})")]
    Newer { what: String, found: u16, known: u16 },
    #[error("{what} is too large ({n_bytes} bytes, at most {max})")]
    TooLarge { what: String, n_bytes: u64, max: u64 },
    #[error("cannot {what}")]
    Io {
        what: String,
        #[source]
        source: object_store::Error,
    },
    #[error("{what} took longer than {seconds} s")]
    Deadline { what: String, seconds: u64 },
    /// Compressing or encoding failed: a bug, or no memory.
    #[error("cannot encode {what}")]
    Encode {
        what: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("the store's runtime cannot be started")]
    Runtime(#[source] std::io::Error),
}

impl StoreError {
    /// Returns the label of the error.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Url { .. } => "url",
            Self::Missing { .. } => "missing",
            Self::Damaged { .. } => "damaged",
            Self::Newer { .. } => "newer",
            Self::TooLarge { .. } => "too_large",
            Self::Io { .. } => "io",
            Self::Deadline { .. } => "deadline",
            Self::Encode { .. } => "encode",
            Self::Runtime(_) => "runtime",
        }
    }

    /// Returns whether the same request may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Io { .. } | Self::Deadline { .. })
    }
}
