//! What is committed beside an offset, as the offset's metadata.

use crate::audit::{Digest, Frontier, HashChain};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

/// Brokers refuse longer metadata by default.
const METADATA_BYTES_MAX: usize = 4_096;

/// How far a partition has come: with the offset, all that a takeover has to agree with.
///
/// # Shape
/// `v=2;s=<start offset>;n=<alert sequence>;c=<setup hash>;p=<program version>;h=<head of the hash
/// chain>;t=<its Merkle tree's frontier>;k=<number of control entries>;f=<fingerprint of the last
/// record>;w=1`, the last while the partition is paused
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The offset of the first record that was folded.
    pub start: i64,
    /// The sequence number of the last alert.
    pub seq: u64,
    /// Hash of everything that can change an answer apart from the log.
    pub setup: String,
    pub version: String,
    /// Head of the hash chain, hex.
    pub head: String,
    /// Frontier of the Merkle tree over the hashes, base64: at most 64 digests, 2 731 characters.
    pub tree: String,
    /// How many control entries apply before the offset.
    pub n_control: u64,
    /// Of the record folded last; `None` when none was.
    pub fingerprint: Option<String>,
    /// Stopped by a flood of format errors.
    pub is_paused: bool,
}

/// Progress as it was read back: what an older version did not write is absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    pub start: i64,
    pub seq: Option<u64>,
    pub setup: String,
    pub version: String,
    pub head: Option<String>,
    pub tree: Option<String>,
    pub n_control: Option<u64>,
    pub fingerprint: Option<String>,
    pub is_paused: bool,
}

impl Progress {
    /// Writes the metadata of an offset.
    pub fn render(&self) -> String {
        let Self { start, seq, setup, version, head, tree, n_control, .. } = self;
        let mut text =
            format!("v=2;s={start};n={seq};c={setup};p={version};h={head};t={tree};k={n_control}");
        if let Some(fingerprint) = &self.fingerprint {
            text.push_str(";f=");
            text.push_str(fingerprint);
        }
        if self.is_paused {
            text.push_str(";w=1");
        }
        // INVARIANT: every part is bounded.
        assert!(text.len() <= METADATA_BYTES_MAX, "offset metadata is too long");
        text
    }
}

/// Writes the frontier of a chain's tree.
pub fn tree_text(chain: &HashChain) -> String {
    let digests: Vec<u8> = chain.tree().subtrees().iter().flat_map(|d| d.0).collect();
    URL_SAFE_NO_PAD.encode(digests)
}

impl Recorded {
    /// Returns the chain that was recorded; `None` when an older version recorded too little.
    pub fn chain(&self, topic: &str, partition: i32) -> Option<HashChain> {
        let head = Digest::parse(self.head.as_ref()?)?;
        let bytes = URL_SAFE_NO_PAD.decode(self.tree.as_ref()?).ok()?;
        let (digests, rest) = bytes.as_chunks::<32>();
        let subtrees = digests.iter().map(|digest| Digest(*digest)).collect();
        let tree = Frontier::of(self.seq?, subtrees).filter(|_| rest.is_empty())?;
        Some(HashChain::resume(topic, partition, head, tree))
    }

    /// Reads the metadata of an offset; `None` when it is not ours.
    ///
    /// Versions only ever add fields, so that a newer one is read for what is known of it.
    pub fn parse(text: &str) -> Option<Self> {
        let field = |name: &str| {
            text.split(';').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
        };
        field("v")?.parse::<u32>().ok().filter(|version| *version >= 1)?;
        let own = |name: &str| field(name).filter(|text| !text.is_empty()).map(str::to_owned);
        Some(Self {
            start: field("s")?.parse().ok().filter(|start| *start >= 0)?,
            seq: field("n").and_then(|n| n.parse().ok()),
            setup: field("c")?.to_owned(),
            version: field("p")?.to_owned(),
            head: own("h"),
            tree: field("t").map(str::to_owned),
            n_control: field("k").and_then(|n| n.parse().ok()),
            fingerprint: own("f"),
            is_paused: field("w") == Some("1"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_survives_older_and_newer_versions_and_foreign_text_does_not_parse() {
        let ours = Progress {
            start: 100,
            seq: 7,
            setup: "abcd".to_owned(),
            version: "0.1.0".to_owned(),
            head: "00ff".to_owned(),
            tree: String::new(),
            n_control: 3,
            fingerprint: Some("1234".to_owned()),
            is_paused: true,
        };
        let read = Recorded::parse(&ours.render()).unwrap();
        assert_eq!((read.start, read.seq, read.n_control), (100, Some(7), Some(3)));
        assert_eq!(read.head.as_deref(), Some("00ff"));
        assert_eq!(read.fingerprint.as_deref(), Some("1234"));
        let newer = ours.render().replace("v=2", "v=3") + ";z=what";
        assert_eq!(Recorded::parse(&newer), Some(read.clone()));
        let older = Recorded::parse("v=1;s=100;n=7;c=abcd;p=0.1.0").unwrap();
        assert!(read.is_paused && !older.is_paused);
        let (head, tree, n_control, fingerprint) = (None, None, None, None);
        let bare = Recorded { head, tree, n_control, fingerprint, is_paused: false, ..read };
        assert_eq!(older, bare);
        for foreign in ["", "v=0;s=1;n=1;c=a;p=b", "v=1;s=-4;n=1;c=a;p=b", "hello", "v=1;s=1"] {
            assert_eq!(Recorded::parse(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn a_chain_survives_and_metadata_stays_below_the_brokers_limit() {
        let mut tree = Frontier::default();
        (0..1_023u32).for_each(|i| tree.push(&i.to_le_bytes()));
        let head = Digest::of(&[b"head"]);
        let chain = HashChain::resume("t", 0, head, tree);
        let mut ours = Progress {
            seq: chain.seq(),
            head: head.to_string(),
            tree: tree_text(&chain),
            setup: "0123456789abcdef".to_owned(),
            version: "100.100.100".to_owned(),
            fingerprint: Some("0123456789abcdef".to_owned()),
            ..Progress::default()
        };
        let read = Recorded::parse(&ours.render()).unwrap();
        assert_eq!(read.chain("t", 0), Some(chain));
        assert_eq!(Recorded { seq: Some(1_022), ..read }.chain("t", 0), None);
        ours.tree = URL_SAFE_NO_PAD.encode([7; 64 * 32]);
        (ours.start, ours.seq, ours.n_control) = (i64::MAX, u64::MAX, u64::MAX);
        assert!(ours.render().len() < METADATA_BYTES_MAX, "{}", ours.render().len());
    }
}
