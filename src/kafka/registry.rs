//! A Confluent Schema Registry over HTTP: subjects, versions, and schemas with what they refer to.
//!
//! # Source
//! Confluent's "Schema Registry API reference": `/subjects`, `/subjects/S/versions`.

use reqwest::{Client, Response, StatusCode, Url};
use serde::{Deserialize, de::DeserializeOwned};
use std::{path::PathBuf, time::Duration};
use tokio::runtime::{Builder, Runtime};

/// How long one answer may take.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// How long a connection may take to come about.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// How often a question is asked before it is given up.
const ATTEMPTS_MAX: u32 = 4;
/// The pause after the first failure; each is twice the one before.
const PAUSE: Duration = Duration::from_millis(250);
/// The longest answer: a schema of a mebibyte, escaped as JSON.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// Where the registry is, and as whom it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    pub url: String,
    pub username: Option<String>,
    /// A file that holds the password; one trailing line end is ignored.
    pub password_file: Option<PathBuf>,
    /// The certificate authority that signed the registry's certificate, PEM.
    pub ca_file: Option<PathBuf>,
}

/// A registered schema.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RegisteredSchema {
    pub id: u32,
    /// `AVRO`, `JSON` or `PROTOBUF`; a registry that names none means Avro.
    #[serde(default = "avro", rename = "schemaType")]
    pub kind: String,
    #[serde(rename = "schema")]
    pub text: String,
    #[serde(default)]
    pub references: Vec<SchemaReference>,
}

/// What a schema refers to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct SchemaReference {
    /// As the schema writes it.
    pub name: String,
    pub subject: String,
    pub version: u32,
}

fn avro() -> String {
    "AVRO".to_owned()
}

/// Why the registry gave no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    #[error("{0:?} is no address of a registry")]
    Address(String),
    #[error("cannot read {path}")]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("cannot start a client")]
    Runtime(#[source] std::io::Error),
    #[error("cannot ask the registry")]
    Http(#[from] reqwest::Error),
    #[error("the registry answers {status} to {path}")]
    Status { status: StatusCode, path: String },
    #[error("the registry's answer to {path} has more than {ANSWER_BYTES_MAX} bytes")]
    TooLong { path: String },
    #[error("the registry's answer to {path} is not what it should be")]
    Answer {
        path: String,
        #[source]
        source: serde_json::Error,
    },
}

impl RegistryError {
    /// Returns the name of the failure.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Address(_) => "address",
            Self::File { .. } => "file",
            Self::Runtime(_) => "runtime",
            Self::Http(_) => "http",
            Self::Status { .. } => "status",
            Self::TooLong { .. } => "too_long",
            Self::Answer { .. } => "answer",
        }
    }

    /// Returns whether the same question may be answered later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Http(error) => !error.is_builder(),
            Self::Status { status, .. } => {
                status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
            }
            _ => false,
        }
    }
}

/// A client of one registry, with blocking calls.
pub struct SchemaRegistry {
    client: Client,
    runtime: Runtime,
    base: Url,
    credentials: Option<(String, String)>,
}

impl SchemaRegistry {
    /// Makes a client.
    ///
    /// # Errors
    /// When the address is none, or a file cannot be read.
    pub fn new(access: &Access) -> Result<Self, RegistryError> {
        let wrong = || RegistryError::Address(access.url.clone());
        let base = Url::parse(&access.url).map_err(|_| wrong())?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(wrong());
        }
        let read = |path: &PathBuf| {
            std::fs::read(path).map_err(|source| RegistryError::File { path: path.clone(), source })
        };
        let mut builder = Client::builder().timeout(ANSWER_MAX).connect_timeout(CONNECT_MAX);
        if let Some(path) = &access.ca_file {
            builder = builder.add_root_certificate(reqwest::Certificate::from_pem(&read(path)?)?);
        }
        let password = match &access.password_file {
            Some(path) => {
                let text = String::from_utf8_lossy(&read(path)?).into_owned();
                let line = text.strip_suffix('\n').unwrap_or(&text);
                line.strip_suffix('\r').unwrap_or(line).to_owned()
            }
            None => String::new(),
        };
        let credentials = access.username.clone().map(|username| (username, password));
        let runtime =
            Builder::new_current_thread().enable_all().build().map_err(RegistryError::Runtime)?;
        Ok(Self { client: builder.build()?, runtime, base, credentials })
    }

    /// Returns the names of all subjects.
    ///
    /// # Errors
    /// When the registry does not say.
    pub fn subjects(&self) -> Result<Vec<String>, RegistryError> {
        self.get(&["subjects"])
    }

    /// Returns the numbers of a subject's versions.
    ///
    /// # Errors
    /// When the registry does not say.
    pub fn versions(&self, subject: &str) -> Result<Vec<u32>, RegistryError> {
        self.get(&["subjects", subject, "versions"])
    }

    /// Returns one version of a subject.
    ///
    /// # Errors
    /// When the registry does not say.
    pub fn version(&self, subject: &str, version: u32) -> Result<RegisteredSchema, RegistryError> {
        self.get(&["subjects", subject, "versions", &version.to_string()])
    }

    fn get<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, RegistryError> {
        let mut url = self.base.clone();
        match url.path_segments_mut() {
            // Names of subjects may hold anything: each is one segment, escaped.
            Ok(mut segments) => drop(segments.pop_if_empty().extend(path)),
            Err(()) => return Err(RegistryError::Address(self.base.to_string())),
        }
        let bytes = self.runtime.block_on(self.ask(&url))?;
        let path = || url.path().to_owned();
        serde_json::from_slice(&bytes)
            .map_err(|source| RegistryError::Answer { path: path(), source })
    }

    /// Asks until there is an answer, or asking is of no use.
    async fn ask(&self, url: &Url) -> Result<Vec<u8>, RegistryError> {
        let mut n = 1;
        loop {
            let asked = self.once(url).await;
            match asked {
                Err(error) if error.is_retryable() && n < ATTEMPTS_MAX => {
                    tokio::time::sleep(PAUSE * 2u32.pow(n - 1)).await;
                    n += 1;
                }
                asked => return asked,
            }
        }
    }

    async fn once(&self, url: &Url) -> Result<Vec<u8>, RegistryError> {
        let mut request = self.client.get(url.clone());
        if let Some((username, password)) = &self.credentials {
            request = request.basic_auth(username, Some(password));
        }
        let response = request.send().await?;
        let (status, path) = (response.status(), url.path().to_owned());
        if !status.is_success() {
            return Err(RegistryError::Status { status, path });
        }
        body(response, path).await
    }
}

/// Reads an answer piece by piece: nobody knows how long it is.
async fn body(mut response: Response, path: String) -> Result<Vec<u8>, RegistryError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(RegistryError::TooLong { path });
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
