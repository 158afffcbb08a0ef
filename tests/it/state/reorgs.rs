//! A script of reorgs through a whole engine: state and rule alerts end as the canonical branch
//! alone would have made them, and every alert of an orphaned block is retracted.

use std::collections::BTreeMap;
use txwarden::{
    decode::{Format, Settings},
    detect::DetectorSettings,
    engine::{Action, Engine, Input, Params, Setup},
    model::{Alert, Chain, Record, Severity, Status},
};

/// The height of the first block.
const FIRST: u64 = 1_000;

/// A chain: the branch of each block from [`FIRST`] on.
type Path = Vec<u64>;

fn hash(height: u64, branch: u64) -> String {
    format!("0x{branch:032x}{height:032x}")
}

/// A block's records: the header, a payment that is in the blocks of every branch at its height,
/// and a large one that only this branch has.
fn records(path: &[u64], at: usize) -> Vec<String> {
    let (height, branch) = (FIRST + at as u64, path[at]);
    let parent = if at == 0 { 1 } else { path[at - 1] };
    let (block, parent) = (hash(height, branch), hash(height - 1, parent));
    let time = 1_700_000_000 + 12 * height;
    let tx = |index: u64, id: u64, to: u64, value: &str| {
        format!(
            "{{\"type\":\"transaction\",\"hash\":\"0x{id:064x}\",\"nonce\":{height},\
             \"block_hash\":\"{block}\",\"block_number\":{height},\"block_timestamp\":{time},\
             \"transaction_index\":{index},\"from_address\":\"0x{:040x}\",\
             \"to_address\":\"0x{to:040x}\",\"value\":\"{value}\",\"gas\":21000,\
             \"gas_price\":\"1000000000\",\"input\":\"0x\"}}",
            1 + (height + 31 * index) % 23
        )
    };
    vec![
        format!(
            "{{\"type\":\"block\",\"number\":{height},\"hash\":\"{block}\",\
             \"parent_hash\":\"{parent}\",\"timestamp\":{time}}}"
        ),
        tx(0, height, 50 + height % 7, "1500000000000000000"),
        // A receiver of its own: one alert a transaction.
        tx(1, branch << 32 | height, branch << 32 | height, "900000000000000000000"),
    ]
}

struct Run {
    engine: Engine,
    path: Path,
    n_records: i64,
    /// The newest revision of each alert.
    alerts: BTreeMap<String, Alert>,
    n_retractions: usize,
}

impl Run {
    fn new() -> Self {
        let mut params = Params::default();
        let member =
            DetectorSettings { severity: Some(Severity::High), ..DetectorSettings::default() };
        params.detect.rules.insert("large_native".to_owned(), member);
        let setup = Setup {
            params,
            config_hash: "c".to_owned(),
            ..Setup::new(Chain::parse(Chain::ETHEREUM).unwrap())
        };
        let engine = Engine::new(setup).unwrap();
        let (path, alerts) = (Path::new(), BTreeMap::new());
        Self { engine, path, n_records: 0, alerts, n_retractions: 0 }
    }

    /// Publishes the blocks of a path from where it leaves the present one; returns the depth.
    fn follow(&mut self, path: &[u64]) -> usize {
        let n_common = self.path.iter().zip(path).take_while(|(old, new)| old == new).count();
        let depth = self.path.len() - n_common;
        assert!(path.len() > n_common);
        for at in n_common..path.len() {
            records(path, at).iter().for_each(|line| self.feed(line));
        }
        self.path = path.to_vec();
        depth
    }

    fn feed(&mut self, line: &str) {
        let settings = Settings::new(Format::EthereumEtl, Chain::parse(Chain::ETHEREUM).unwrap());
        let (offset, value) = (self.n_records, Some(line.as_bytes()));
        self.n_records += 1;
        let record = Record { topic: "t", offset, value, ..Record::default() };
        let mut actions = Vec::new();
        self.engine.step(Input::Record(&settings, record), &mut actions);
        for action in actions {
            if let Action::Alert(alert) = action {
                let is_ours = alert.evidence[0].detector == "large_native";
                let is_retracted = alert.status == Status::Retracted;
                self.n_retractions += usize::from(is_ours && is_retracted);
                let before = self.alerts.insert(alert.alert_id.clone(), *alert.clone());
                let n = before.map_or(0, |before| before.revision);
                assert_eq!(alert.revision, n + 1, "revisions of one id follow one another");
            }
        }
    }

    /// The rule alerts that stand, by detector and transaction.
    fn standing(&self) -> Vec<(String, String)> {
        let standing = self.alerts.values().filter(|a| a.status != Status::Retracted);
        let of_rule = standing.filter(|a| a.evidence[0].detector == "large_native");
        let named = of_rule.map(|a| {
            (
                a.evidence[0].detector.clone(),
                a.tx.as_ref().map_or_else(String::new, |tx| tx.id.clone()),
            )
        });
        let mut named: Vec<_> = named.collect();
        named.sort();
        named
    }

    fn assert_canonical(&self, what: &str) {
        let mut canonical = Self::new();
        canonical.follow(&self.path);
        assert!(self.engine.state() == canonical.engine.state(), "{what}: state differs");
        assert_eq!(self.standing(), canonical.standing(), "{what}");
        assert_eq!(canonical.standing().len(), self.path.len(), "every block raises one");
        assert_eq!((canonical.n_retractions, canonical.engine.stats().n_reorgs), (0, 0));
        let parts = self.engine.ledger().total().n_parts();
        assert_eq!(parts, self.engine.stats().n_parts, "{what}: the ledger has every part");
        assert_eq!(self.engine.ledger().n_missing(), 0, "{what}");
        // Of any lane: what still stands is in a block of the chain.
        let known: Vec<String> =
            self.path.iter().zip(FIRST..).map(|(branch, height)| hash(height, *branch)).collect();
        for alert in self.alerts.values().filter(|a| a.status != Status::Retracted) {
            let block = alert.tx.as_ref().and_then(|tx| tx.block.as_ref()?.hash.clone());
            assert!(block.is_none_or(|hash| known.contains(&hash)), "{what}: {alert:?}");
        }
    }
}

/// A path that leaves another one so many blocks below its tip, and ends higher.
fn branch(path: &[u64], depth: usize, branch: u64, n_new: usize) -> Path {
    let mut path = path[..path.len() - depth].to_vec();
    path.extend(std::iter::repeat_n(branch, n_new));
    path
}

#[test]
fn any_depth_that_the_journal_holds_ends_as_the_canonical_branch() {
    for depth in [1, 2, 3, 12, 100, 255, 256] {
        let mut run = Run::new();
        let trunk = vec![1; 270];
        run.follow(&trunk);
        let next = branch(&trunk, depth, 2, depth + 1);
        assert_eq!(run.follow(&next), depth);
        assert_eq!(run.n_retractions, run.standing().len().min(depth), "exactly the orphans");
        run.assert_canonical(&format!("depth {depth}"));
        assert_eq!((run.engine.stats().n_reorgs, run.engine.state().n_too_deep()), (1, 0));
        let (n_orphaned, orphaned) = run.engine.ledger().orphaned();
        assert_eq!((n_orphaned, orphaned.n_parts()), (depth as u64, 3 * depth as u64));
    }
}

#[test]
fn nested_reorgs_and_a_chain_that_goes_back_and_forth() {
    let mut run = Run::new();
    let trunk = vec![1; 60];
    run.follow(&trunk);
    // A branch, a branch of that branch, and back to the first one, longer now.
    let left = branch(&trunk, 10, 2, 12);
    let nested = branch(&left, 5, 3, 6);
    run.follow(&left);
    run.follow(&nested);
    run.assert_canonical("nested");
    for n in 0..3 {
        let back = branch(&left, 0, 2, 3 + 2 * n);
        run.follow(&back);
        run.assert_canonical("back");
        let forth = branch(&nested, 0, 3, 4 + 2 * n);
        run.follow(&forth);
        run.assert_canonical("forth");
    }
    let root = branch(&trunk, 0, 1, 30);
    run.follow(&root);
    run.assert_canonical("the trunk again");
    assert!(run.engine.stats().n_reorgs >= 9 && run.n_retractions > 60);
}

#[test]
fn deeper_than_the_journal_declares_itself() {
    let mut run = Run::new();
    let trunk = vec![1; 270];
    run.follow(&trunk);
    run.follow(&branch(&trunk, 257, 2, 258));
    assert_eq!(run.engine.state().n_too_deep(), 1);
    let declared = run.alerts.values().find(|a| a.evidence[0].detector == "reorg_depth").unwrap();
    assert_eq!(declared.severity, Severity::Critical);
    assert!(declared.reason.contains("account state is degraded"), "{}", declared.reason);
}
