//! An analyst's verdict on an alert, `txwarden.verdict/1`: read, checked and bounded.

use super::id::AlertId;
use serde::{Deserialize, Serialize};

/// The longest subject: the longest CAIP-10 id has 171 characters, `/outpoint/…` is shorter.
const SUBJECT_BYTES_MAX: usize = 256;
/// The longest name of an analyst.
const ANALYST_BYTES_MAX: usize = 128;
/// The longest note.
const NOTE_BYTES_MAX: usize = 1_024;
/// The longest record that is read as a verdict: every text at its bound, escaped, fits twice.
pub const VERDICT_BYTES_MAX: usize = 16 << 10;

/// What an analyst concluded, or orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// The alert was right.
    TruePositive,
    /// What it says did not happen, or is no anomaly.
    FalsePositive,
    /// It happened and is harmless, e.g. a known migration.
    Benign,
    /// Looked at without a conclusion: counts neither way.
    Unsure,
    /// An order: until `until_ms` nothing below `high` is raised about the subject.
    Allow,
    /// An order: until `until_ms` every transaction of the subject is an alert.
    Deny,
    /// An order: the model that the subject names, as `…/model/verdicts`, goes back to the fit
    /// before the present one.
    RollBack,
}

impl Judgement {
    pub const ALL: [Self; 7] = [
        Self::TruePositive,
        Self::FalsePositive,
        Self::Benign,
        Self::Unsure,
        Self::Allow,
        Self::Deny,
        Self::RollBack,
    ];

    /// Returns the name used on the wire and as a metric label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TruePositive => "true_positive",
            Self::FalsePositive => "false_positive",
            Self::Benign => "benign",
            Self::Unsure => "unsure",
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::RollBack => "roll_back",
        }
    }

    /// Returns 1 where it says fraud, -1 where it says no fraud, 0 where it says neither.
    pub fn sign(self) -> f64 {
        match self {
            Self::TruePositive => 1.0,
            Self::FalsePositive | Self::Benign => -1.0,
            Self::Unsure | Self::Allow | Self::Deny | Self::RollBack => 0.0,
        }
    }

    /// Returns whether it holds until a time that has to be given with it.
    pub fn is_timed(self) -> bool {
        matches!(self, Self::Allow | Self::Deny)
    }
}

/// One verdict. A later one by anybody on the same alert replaces it; likewise a later order about
/// the same subject, and one whose `until_ms` has passed takes it back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
pub struct Verdict {
    /// Always `txwarden.verdict/1`.
    #[serde(default = "schema_name")]
    pub schema: String,
    /// The alert that was judged; without it the verdict is about the subject as such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert_id: Option<String>,
    /// As in the alert: a CAIP-10 account, or the chain followed by `/tx/…` and the like.
    pub subject: String,
    pub verdict: Judgement,
    /// Who says so.
    pub analyst: String,
    /// How much it counts, above 0 and at most 1.
    #[serde(default = "whole")]
    pub weight: f64,
    /// When it was given, in milliseconds since the epoch.
    pub time_ms: i64,
    /// Until when `allow` and `deny` hold, in milliseconds since the epoch, by event time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

fn schema_name() -> String {
    Verdict::SCHEMA.to_owned()
}

fn whole() -> f64 {
    1.0
}

/// Why a record is no verdict.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerdictError {
    #[error("longer than {VERDICT_BYTES_MAX} bytes")]
    TooLong,
    #[error("no verdict in JSON")]
    Json(#[from] serde_json::Error),
    #[error("{0}")]
    Field(&'static str),
}

impl VerdictError {
    pub const CODES: [&'static str; 3] = ["too_long", "bad_json", "bad_field"];

    /// Returns the metric label of the error.
    pub fn code(&self) -> &'static str {
        let [too_long, bad_json, bad_field] = Self::CODES;
        match self {
            Self::TooLong => too_long,
            Self::Json(_) => bad_json,
            Self::Field(_) => bad_field,
        }
    }
}

impl Verdict {
    /// The name and version of the body's schema.
    pub const SCHEMA: &'static str = "txwarden.verdict/1";

    /// Reads and checks a record.
    ///
    /// # Errors
    /// When it is no verdict, with the field that is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, VerdictError> {
        if bytes.len() > VERDICT_BYTES_MAX {
            return Err(VerdictError::TooLong);
        }
        let verdict: Self = serde_json::from_slice(bytes)?;
        let Self { subject, analyst, note, .. } = &verdict;
        let is_id = |id: &String| AlertId::parse(id).is_some();
        let is_within = |text: &str, max: usize| !text.is_empty() && text.len() <= max;
        let has_end = verdict.until_ms.is_some();
        for (is_right, what) in [
            (verdict.schema == Self::SCHEMA, "schema is not txwarden.verdict/1"),
            (verdict.alert_id.as_ref().is_none_or(is_id), "alert_id is not 32 hex digits"),
            (is_within(subject, SUBJECT_BYTES_MAX), "subject is empty or too long"),
            (is_within(analyst, ANALYST_BYTES_MAX), "analyst is empty or too long"),
            (note.as_ref().is_none_or(|n| n.len() <= NOTE_BYTES_MAX), "note is too long"),
            (verdict.weight > 0.0 && verdict.weight <= 1.0, "weight is not above 0 and at most 1"),
            (has_end || !verdict.verdict.is_timed(), "allow and deny need until_ms"),
            (!has_end || verdict.verdict.is_timed(), "until_ms is for allow and deny"),
        ] {
            if !is_right {
                return Err(VerdictError::Field(what));
            }
        }
        Ok(verdict)
    }

    /// Returns whether the subject is on a chain, given by its CAIP-2 id.
    pub fn is_on(&self, chain: &str) -> bool {
        let rest = self.subject.strip_prefix(chain);
        rest.is_some_and(|rest| rest.starts_with([':', '/']))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef";

    fn parse(change: &str) -> Result<Verdict, &'static str> {
        let text = format!(
            r#"{{"alert_id":"{ID}","subject":"eip155:1:0xab","verdict":"benign","analyst":"ann",
               "time_ms":5,"later":"ignored"{change}}}"#
        );
        Verdict::parse(text.as_bytes()).map_err(|e| e.code())
    }

    #[test]
    fn a_verdict_is_checked_and_bounded() {
        let verdict = parse("").unwrap();
        assert_eq!((verdict.verdict, verdict.weight), (Judgement::Benign, 1.0));
        let text = serde_json::to_vec(&verdict).unwrap();
        assert_eq!(Verdict::parse(&text).unwrap(), verdict);
        for wrong in [
            r#","weight":0"#,
            r#","weight":1.5"#,
            r#","schema":"txwarden.verdict/9""#,
            &format!(r#","note":"{}""#, "x".repeat(1_025)),
            r#","until_ms":9"#,
        ] {
            assert_eq!(parse(wrong).unwrap_err(), "bad_field", "{wrong}");
        }
        assert_eq!(parse(r#","verdict":"maybe""#).unwrap_err(), "bad_json");
        assert_eq!(parse(&" ".repeat(VERDICT_BYTES_MAX)).unwrap_err(), "too_long");
        assert!(Verdict::parse(b"[]").is_err());
        let order = serde_json::to_string(&verdict).unwrap().replace("benign", "allow");
        assert_eq!(Verdict::parse(order.as_bytes()).unwrap_err().code(), "bad_field");
        let order = order.replace(r#""time_ms":5"#, r#""time_ms":5,"until_ms":9"#);
        assert_eq!(Verdict::parse(order.as_bytes()).unwrap().until_ms, Some(9));
    }

    #[test]
    fn a_chain_is_not_the_beginning_of_another() {
        let on = |subject: &str, chain: &str| {
            Verdict { subject: subject.to_owned(), ..parse("").unwrap() }.is_on(chain)
        };
        assert!(on("eip155:1:0xab", "eip155:1") && on("eip155:1/tx/0xab", "eip155:1"));
        assert!(!on("eip155:10:0xab", "eip155:1") && !on("eip155:1", "eip155:1"));
    }
}
