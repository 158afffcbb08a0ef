//! Findings to alerts: calibrate, combine, budget, severity, suppress, revise, retract.

use serde::{Deserialize, Serialize};

/// How findings become alerts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Params {}
