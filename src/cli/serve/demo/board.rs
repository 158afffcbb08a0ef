//! The demo's scoreboard: which planted incident an alert belongs to, and how fast it came.

use crate::{
    model::{Alert, DetectorKind},
    sim::{Planted, Truth},
};
use serde::Serialize;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// What the demo found out about one planted incident.
#[derive(Clone, Debug, Serialize)]
pub(super) struct IncidentResult {
    pub(super) name: &'static str,
    pub(super) detected: bool,
    /// From producing the incident's latest record to the alert's arrival.
    pub(super) delay_ms: Option<u64>,
    /// The detector that noticed it first.
    pub(super) detector: Option<String>,
    /// What should have.
    pub(super) expected: &'static [&'static str],
}

/// What an alert is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    /// The first alert of this incident by a detector that should notice it.
    First(usize),
    /// A further one, or another detector's.
    Again(usize),
    Background,
}

/// Matches alerts with the truth.
#[derive(Debug)]
pub(super) struct Scoreboard {
    planted: Vec<Planted>,
    by_tx: BTreeMap<String, usize>,
    by_subject: BTreeMap<String, usize>,
    verdicts: Vec<IncidentResult>,
    pub(super) n_background: u64,
    pub(super) n_alerts: u64,
}

impl Scoreboard {
    /// Prepares the scoreboard from a complete truth.
    pub(super) fn new(truth: &Truth) -> Self {
        let planted = truth.incidents.clone();
        let (mut by_tx, mut by_subject) = (BTreeMap::new(), BTreeMap::new());
        for (idx, incident) in planted.iter().enumerate() {
            by_tx.extend(incident.tx_ids.iter().map(|id| (id.clone(), idx)));
            by_subject.extend(incident.subjects.iter().map(|s| (s.clone(), idx)));
        }
        let verdicts = planted
            .iter()
            .map(|p| IncidentResult {
                name: p.name,
                detected: false,
                delay_ms: None,
                detector: None,
                expected: p.detectors,
            })
            .collect();
        Self { planted, by_tx, by_subject, verdicts, n_background: 0, n_alerts: 0 }
    }

    /// Takes note of an alert that has just arrived. `sent_at` says when the incident's latest
    /// record was produced.
    pub(super) fn note(
        &mut self,
        alert: &Alert,
        sent_at: impl Fn(usize) -> Option<Instant>,
    ) -> About {
        if alert.revision > 1 {
            // A revision of an alert that has been counted.
            return self.incident_of(alert).map_or(About::Background, About::Again);
        }
        self.n_alerts += 1;
        let Some(idx) = self.incident_of(alert) else {
            self.n_background += 1;
            return About::Background;
        };
        let detector = alert.evidence.iter().find(|e| {
            let is_score = e.kind != DetectorKind::Rule;
            self.planted[idx]
                .detectors
                .iter()
                .any(|d| *d == e.detector || *d == "score" && is_score)
        });
        let verdict = &mut self.verdicts[idx];
        match detector {
            Some(evidence) if !verdict.detected => {
                let delay = sent_at(idx).map_or(Duration::ZERO, |at| at.elapsed());
                verdict.detected = true;
                verdict.delay_ms = Some(delay.as_millis() as u64);
                verdict.detector = Some(evidence.detector.clone());
                About::First(idx)
            }
            _ => About::Again(idx),
        }
    }

    /// Returns the verdicts in the order of planting.
    pub(super) fn verdicts(&self) -> &[IncidentResult] {
        &self.verdicts
    }

    /// Returns the verdict on one incident.
    pub(super) fn verdict(&self, idx: usize) -> &IncidentResult {
        &self.verdicts[idx]
    }

    fn incident_of(&self, alert: &Alert) -> Option<usize> {
        let id = alert.tx.as_ref().map(|tx| tx.id.trim_start_matches("0x"));
        if let Some(idx) = id.and_then(|id| self.by_tx.get(id)) {
            return Some(*idx);
        }
        let subject = alert.subject.rsplit([':', '/']).next().unwrap_or_default();
        if let Some(idx) = self.by_subject.get(subject) {
            return Some(*idx);
        }
        // A reorganisation may be about the chain as a whole: then the detector must do.
        let is_whole_chain = alert.tx.is_none();
        let family = if alert.chain.starts_with("eip155:") {
            crate::model::Family::Evm
        } else {
            crate::model::Family::Utxo
        };
        self.planted.iter().position(|p| {
            is_whole_chain
                && p.family == family
                && p.name.starts_with("reorg")
                && alert.evidence.iter().any(|e| p.detectors.contains(&e.detector.as_str()))
        })
    }
}
