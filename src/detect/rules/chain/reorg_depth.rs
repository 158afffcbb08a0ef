//! `reorg_depth`: blocks left the chain, more of them than is ordinary there.

use crate::{
    detect::{
        BuiltinMeta, Need, Rule, Scene,
        rules::{bounded, finding, money},
    },
    model::{Band, Chain, Family, Finding, Reference, Reorg, Severity, Signal, Subject},
};
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, collections::BTreeMap};

/// A severity and the depth it starts at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Level {
    /// Blocks that a reorganisation undoes from which on it has this severity.
    #[schemars(range(min = 1, max = 1_000_000), extend("x-unit" = "blocks"))]
    pub depth_min: u64,
    pub severity: Severity,
}

/// The most levels of one chain: as many as there are severities, and some to spare.
const LEVELS_MAX: u64 = 16;

/// Bounds the lists in a schema of lists by name.
fn bound_lists(schema: &mut Schema) {
    if let Some(list) = schema.pointer_mut("/additionalProperties") {
        list["maxItems"] = LEVELS_MAX.into();
    }
}

/// Parameters of [`ReorgDepth`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Params {
    /// Levels by CAIP-2 id, or by namespace for chains that are not listed. Default: Bitcoin 1
    /// info, 2 high, 3 critical; other `bip122` 2 medium, 3 critical (half of 6 confirmations);
    /// `eip155` 2 medium, 7 critical.
    #[schemars(extend("maxProperties" = 1_000), transform = bound_lists)]
    pub levels: BTreeMap<String, Vec<Level>>,
}

impl Default for Params {
    fn default() -> Self {
        use Severity::{Critical, High, Info, Medium};
        let levels = |list: &[(u64, Severity)]| {
            list.iter().map(|&(depth_min, severity)| Level { depth_min, severity }).collect()
        };
        Self {
            levels: BTreeMap::from([
                (Chain::BITCOIN.to_owned(), levels(&[(1, Info), (2, High), (3, Critical)])),
                ("bip122".to_owned(), levels(&[(2, Medium), (3, Critical)])),
                ("eip155".to_owned(), levels(&[(2, Medium), (7, Critical)])),
            ]),
        }
    }
}

/// The rule.
pub struct ReorgDepth {
    params: Params,
}

impl Rule for ReorgDepth {
    type Params = Params;

    const META: &'static BuiltinMeta = &BuiltinMeta {
        id: "reorg_depth",
        title: "Chain reorganisation",
        description: "Blocks that were part of the chain were replaced. The severity grows with \
                      the depth: Bitcoin 1 info, 2 high, 3 critical; EVM chains 2 medium, 7 \
                      critical.",
        severity: Severity::Medium,
        families: &[Family::Evm, Family::Utxo],
        subject: "block",
        needs: &[],
        false_positives: &["a single node that followed a minority branch for a while"],
        references: &[
            "https://github.com/0xB10C/fork-observer",
            "https://barnabe.substack.com/p/pos-ethereum-reorg",
            "https://forkmonitor.info",
        ],
    };

    fn new(params: Params) -> Self {
        Self { params }
    }

    fn misses(&self, chain: &Chain, _: &Reference) -> Option<Need> {
        self.levels(chain).is_none_or(Vec::is_empty).then_some(Need::Levels)
    }

    fn evaluate(&self, scene: &Scene<'_>, out: &mut Vec<Finding>) {
        for signal in scene.signals {
            if let Signal::Reorg(reorg) = signal {
                out.extend(self.judge(scene.chain, reorg));
            }
        }
    }
}

impl ReorgDepth {
    fn levels(&self, chain: &Chain) -> Option<&Vec<Level>> {
        let namespace = chain.id.split(':').next().unwrap_or_default();
        self.params.levels.get(&*chain.id).or_else(|| self.params.levels.get(namespace))
    }

    fn judge(&self, chain: &Chain, reorg: &Reorg) -> Option<Finding> {
        let levels = self.levels(chain)?;
        let depth = reorg.depth_at_least;
        let least = levels.iter().map(|level| level.depth_min).min()?;
        let reached = levels.iter().filter(|level| depth >= level.depth_min);
        let severity = reached.max_by_key(|level| level.depth_min)?.severity;
        let degraded = if reorg.is_too_deep {
            "; the journal did not reach back that far, account state is degraded"
        } else {
            ""
        };
        let by = match &reorg.new_hash {
            Some(hash) => chain.hash_text(hash),
            None => "what the source has not said yet".to_owned(),
        };
        Some(Finding {
            severity: if reorg.is_too_deep { Severity::Critical } else { severity },
            value: depth as f64,
            expected: Band::below(least as f64),
            unit: Cow::Borrowed("blocks"),
            explanation: format!(
                "At least {} from height {} on {} replaced: {} by {by}{degraded}.",
                money::count_text(depth as f64, "block", "blocks"),
                reorg.from_height,
                if depth == 1 { "was" } else { "were" },
                chain.hash_text(&reorg.old_hash),
            ),
            quiet_if: match least {
                1 => "no block had been replaced".to_owned(),
                _ => format!("fewer than {least} blocks had been replaced"),
            },
            refs: bounded(
                reorg.reverted.iter().map(|hash| format!("block:{}", chain.hash_text(hash))),
            ),
            ..finding(Self::META, Subject::Block(reorg.from_height, reorg.old_hash))
        })
    }
}
