//! The settings of the Kafka connection, and the mistakes that can be seen without a broker.

use crate::model::Start;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::PathBuf};

/// How to reach Kafka, and as which member of which group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// `host:port`, comma-separated. Default `127.0.0.1:9092`.
    #[schemars(length(min = 1, max = 4_096))]
    pub brokers: String,
    /// The consumer group, also the first part of the transactional ids. Default `txwarden`.
    #[schemars(length(min = 1, max = 249))]
    pub group: String,
    /// Tells the processes of one group apart; needed when there is more than one process.
    #[schemars(length(min = 1, max = 249))]
    pub instance: Option<String>,
    /// Static membership: a restart within the session timeout moves no partition. Default false.
    pub is_static_member: bool,
    /// Where a group that has never committed starts: `earliest`, `latest` or a time in
    /// milliseconds since the epoch. There is no default: a lost offset must not look like a
    /// first start.
    pub start: Option<Start>,
    /// How long a silent member keeps its partitions. Default 10 000.
    #[schemars(range(min = 1_000, max = 900_000), extend("x-unit" = "ms"))]
    pub session_timeout_ms: u32,
    /// How long the broker waits for an abandoned transaction. Default 10 000: longer values
    /// only delay the takeover.
    #[schemars(range(min = 1_000, max = 900_000), extend("x-unit" = "ms"))]
    pub transaction_timeout_ms: u32,
    pub security: Security,
    /// Further librdkafka options; secrets and the options that correctness rests on are refused.
    #[schemars(extend("additionalProperties" = {"type": "string", "maxLength": 4096}, "maxProperties" = 1_000))]
    pub options: BTreeMap<String, String>,
}

impl Default for Params {
    fn default() -> Self {
        Self {
            brokers: "127.0.0.1:9092".to_owned(),
            group: "txwarden".to_owned(),
            instance: None,
            is_static_member: false,
            start: None,
            session_timeout_ms: 10_000,
            transaction_timeout_ms: 10_000,
            security: Security::default(),
            options: BTreeMap::new(),
        }
    }
}

/// Encryption and authentication. Secrets are named by file, never written in the configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Security {
    pub protocol: Protocol,
    pub mechanism: Option<Mechanism>,
    /// Who authenticates with SASL.
    #[schemars(length(min = 1, max = 249))]
    pub username: Option<String>,
    /// A file that holds the SASL password; one trailing line end is ignored.
    #[schemars(length(min = 1, max = 4_096))]
    pub password_file: Option<PathBuf>,
    /// The certificate authority that signed the brokers' certificates, PEM.
    #[schemars(length(min = 1, max = 4_096))]
    pub ca_file: Option<PathBuf>,
    /// Our certificate, for mutual TLS, PEM.
    #[schemars(length(min = 1, max = 4_096))]
    pub cert_file: Option<PathBuf>,
    /// The key of our certificate, PEM, not encrypted.
    #[schemars(length(min = 1, max = 4_096))]
    pub key_file: Option<PathBuf>,
}

/// How the connection is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    #[default]
    Plaintext,
    Ssl,
    SaslPlaintext,
    SaslSsl,
}

impl Protocol {
    /// Returns librdkafka's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Ssl => "ssl",
            Self::SaslPlaintext => "sasl_plaintext",
            Self::SaslSsl => "sasl_ssl",
        }
    }

    fn is_sasl(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }

    fn is_tls(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }
}

/// The SASL mechanisms that need no further library.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Mechanism {
    #[serde(rename = "PLAIN")]
    Plain,
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
}

impl Mechanism {
    /// Returns the name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
        }
    }
}

/// Options that hold a secret, or that the exactly-once protocol depends on.
const OWNED_OPTIONS: &[&str] = &[
    "acks",
    "auto.offset.reset",
    "bootstrap.servers",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.gapless.guarantee",
    "enable.idempotence",
    "enable.partition.eof",
    "group.id",
    "group.instance.id",
    "group.protocol",
    "isolation.level",
    "max.in.flight",
    "max.in.flight.requests.per.connection",
    "metadata.broker.list",
    "partition.assignment.strategy",
    "request.required.acks",
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.username",
    "security.protocol",
    "session.timeout.ms",
    "transaction.timeout.ms",
    "transactional.id",
];

impl Params {
    /// Returns every mistake that can be seen without a broker and without reading a file.
    pub fn problems(&self) -> Vec<String> {
        let mut found = Vec::new();
        if self.brokers.trim().is_empty() {
            found.push("brokers: no broker is named".to_owned());
        }
        if self.is_static_member && self.instance.is_none() {
            found.push("is_static_member: needs an instance".to_owned());
        }
        for name in self.options.keys() {
            if is_secret(name) {
                found.push(format!(
                    "options: {name} is a secret; name a file under security instead"
                ));
            } else if OWNED_OPTIONS.contains(&name.as_str()) {
                found.push(format!("options: {name} is set by txwarden and cannot be overridden"));
            }
        }
        found.extend(self.security.problems());
        found
    }

    /// Returns the transactional id of a worker slot: stable, so that a restart fences its past.
    pub fn transactional_id(&self, slot: usize) -> String {
        match &self.instance {
            Some(instance) => format!("{}-{instance}-{slot}", self.group),
            None => format!("{}-{slot}", self.group),
        }
    }
}

impl Security {
    fn problems(&self) -> Vec<String> {
        let mut found = Vec::new();
        let is_sasl = self.protocol.is_sasl();
        for (name, is_set) in [
            ("mechanism", self.mechanism.is_some()),
            ("username", self.username.is_some()),
            ("password_file", self.password_file.is_some()),
        ] {
            let protocol = self.protocol.as_str();
            if is_sasl && !is_set {
                found.push(format!("security.{name}: needed by protocol {protocol}"));
            } else if !is_sasl && is_set {
                found.push(format!("security.{name}: has no effect with protocol {protocol}"));
            }
        }
        let has_tls_file =
            [&self.ca_file, &self.cert_file, &self.key_file].iter().any(|file| file.is_some());
        if has_tls_file && !self.protocol.is_tls() {
            found.push("security: certificates have no effect without TLS".to_owned());
        }
        if self.cert_file.is_some() != self.key_file.is_some() {
            found.push("security: cert_file and key_file go together".to_owned());
        }
        found
    }
}

fn is_secret(option: &str) -> bool {
    ["password", "secret", "ssl.key.pem", "private.key", "oauthbearer.config"]
        .iter()
        .any(|part| option.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_is_a_word_or_a_time() {
        let parse = |text: &str| serde_json::from_str::<Start>(text);
        assert_eq!(parse("\"earliest\"").unwrap(), Start::Earliest);
        assert_eq!(parse("\"latest\"").unwrap(), Start::Latest);
        assert_eq!(parse("1700000000000").unwrap(), Start::TimestampMs(1_700_000_000_000));
        for bad in ["\"begin\"", "-1", "\"-5\"", "1.5", "null"] {
            assert!(parse(bad).is_err(), "{bad} was accepted");
        }
    }

    #[test]
    fn secrets_and_owned_options_are_refused() {
        let mut params = Params::default();
        assert_eq!(params.problems(), Vec::<String>::new());
        for name in ["sasl.password", "ssl.key.password", "isolation.level", "fetch.min.bytes"] {
            params.options.insert(name.to_owned(), "x".to_owned());
        }
        params.security.protocol = Protocol::SaslSsl;
        params.security.cert_file = Some("c.pem".into());
        let problems = params.problems();
        assert_eq!(problems.len(), 3 + 3 + 1, "{problems:#?}");
        assert!(!problems.iter().any(|p| p.contains("fetch.min.bytes")));
    }
}
