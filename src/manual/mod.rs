//! The documentation, a page a module: also shown by `txwarden manual`.

/// A page of the manual.
#[derive(Clone, Copy, Debug)]
pub struct Page {
    /// Its name on the command line and the stem of its file.
    pub name: &'static str,
    /// What it says, in a line.
    pub about: &'static str,
    /// Markdown.
    pub text: &'static str,
}

/// Declares the pages, one line each: a module for rustdoc, and the table.
macro_rules! pages {
    ($($module:ident $name:literal $about:literal;)*) => {
        $(
            #[doc = include_str!(concat!($name, ".md"))]
            pub mod $module {}
        )*

        /// Every page, in the order of reading.
        pub const PAGES: &[Page] = &[
            $(Page { name: $name, about: $about, text: include_str!(concat!($name, ".md")) },)*
        ];
    };
}

pages! {
    running "running" "how it starts, stops, says that it is ready, and what an alert carries";
    order "order" "many topics and partitions into one order; what was seen and what is missing";
    snapshots "snapshots" "restarts, takeovers, resets, a warm start from history";
    pending "pending" "a mempool beside the blocks, and the revisions of an alert";
    proof "proof" "hash chain, checkpoints, verify";
    record "record" "what was on the bus, recorded and replayed to the byte";
    verdicts "verdicts" "reloads, verdicts, orders, and how every replay repeats them";
    settings "settings" "every key with its range, unit and default";
    envelopes "envelopes" "what records are wrapped in";
    formats "formats" "what a record may look like in each format";
    chains "chains" "what is known of each chain";
    chains_utxo "chains-utxo" "the same of chains of unspent outputs";
    dead_letters "dead-letters" "what could not be read or was refuted, and how it goes back";
    detectors "detectors" "every rule and model";
    scoring "scoring" "how events are ranked, evaluated, and what was measured";
    embedding "embedding" "the detector in a program of twenty lines";
    metrics "metrics" "every metric";
    demo "demo" "what the demo plants";
    glossary "glossary" "the words";
}

/// Returns a page by its name.
pub fn page(name: &str) -> Option<&'static Page> {
    PAGES.iter().find(|page| page.name == name)
}
