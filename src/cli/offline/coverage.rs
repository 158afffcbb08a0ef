//! `coverage`: where every part of every record ended, and which heights and offsets are missing.

use crate::{
    cli::{
        CliError,
        bus::state::{PlaceArgs, StoreArgs, engine_of},
        output,
    },
    engine::{Engine, Fates, HeightRange, Ledger, PlaceRow},
};
use serde::Serialize;
use std::{collections::BTreeMap, fmt::Write};

/// Ranges and gaps that are shown in words; JSON has all.
const SHOWN_MAX: usize = 20;

/// Command line of `coverage`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    place: PlaceArgs,
    /// Print one JSON object a partition
    #[arg(long)]
    json: bool,
}

/// The ledger of one engine, as `--json` and `replay --coverage` write it.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Coverage<'a> {
    /// The snapshot's group, topic, partition and offset, or what was replayed.
    source: String,
    chain: &'a str,
    n_records: u64,
    n_parts: u64,
    /// They sum to `n_parts`, as do `heights`, `orphaned` and `unplaced`.
    parts: Fates,
    skipped: &'a BTreeMap<String, u64>,
    dead_letters: &'a BTreeMap<String, u64>,
    partitions: &'a [PlaceRow],
    heights: Vec<HeightRange>,
    /// First and last height of each.
    gaps: Vec<(u64, u64)>,
    n_missing_heights: u64,
    n_closed_gap_heights: u64,
    n_orphaned_heights: u64,
    /// Parts of blocks that a reorg took back.
    orphaned: Fates,
    /// Parts of no height: pending, or not readable.
    unplaced: Fates,
    n_offset_holes: u64,
}

/// Runs the command.
pub(in crate::cli) fn run(args: &Args) -> Result<(), CliError> {
    let (store, config) = args.store.open()?;
    let mut text = String::new();
    let mut places = args.place.places(&store)?;
    if let (Some(config), false) = (&config, args.place.has_group()) {
        // A store may be shared by groups.
        places.retain(|place| place.group == config.run.kafka.group);
    }
    for place in places {
        let header = args.place.header(&store, &place)?;
        let (engine, _) = engine_of(&store, &header, config.as_ref())?;
        let source = format!("{} at offset {}", header.place, header.offset);
        let coverage = Coverage::of(&engine, source);
        if args.json {
            let line = serde_json::to_string(&coverage)
                .map_err(|e| CliError::failure("cannot write the ledger", e))?;
            text.push_str(&line);
            text.push('\n');
        } else {
            text.push_str(&coverage.words());
        }
    }
    if text.is_empty() {
        return Err(CliError::Usage(format!(
            "no snapshot of this group in {}: run writes one every snapshots.every_ms and when it \
             stops; state inspect shows what is there",
            store.url()
        )));
    }
    output::stdout(text.as_bytes())
}

impl<'a> Coverage<'a> {
    /// Reads the ledger of an engine.
    pub(in crate::cli) fn of(engine: &'a Engine, source: String) -> Self {
        let (ledger, stats): (&Ledger, _) = (engine.ledger(), engine.stats());
        let (n_orphaned_heights, orphaned) = ledger.orphaned();
        Self {
            source,
            chain: &engine.chain().id,
            n_records: stats.n_records,
            n_parts: stats.n_parts,
            parts: ledger.total(),
            skipped: &stats.skipped,
            dead_letters: &stats.dead_letters,
            partitions: ledger.places(),
            heights: ledger.ranges(),
            gaps: ledger.gaps(),
            n_missing_heights: ledger.n_missing(),
            n_closed_gap_heights: ledger.n_closed(),
            n_orphaned_heights,
            orphaned,
            unplaced: ledger.unplaced(),
            n_offset_holes: ledger.n_holes(),
        }
    }

    /// Writes the ledger for people.
    fn words(&self) -> String {
        let Self { source, chain, n_records, n_parts, parts, .. } = self;
        let mut out = format!("{source} ({chain})\n");
        // Writing to a string cannot fail.
        let _ = writeln!(out, "  {n_records} records, {n_parts} parts: {}", fates(parts));
        for (title, counts) in [("skipped", self.skipped), ("dead-lettered", self.dead_letters)] {
            if !counts.is_empty() {
                let list: Vec<_> = counts.iter().map(|(name, n)| format!("{name} {n}")).collect();
                let _ = writeln!(out, "    {title}: {}", list.join(", "));
            }
        }
        for row in self.partitions {
            let name = match row.topic.as_str() {
                "" => "other partitions".to_owned(),
                topic => format!("partition {topic}/{}", row.partition),
            };
            let _ = writeln!(
                out,
                "  {name}, offsets {} to {}: {} records, {} offset holes, {} parts: {}",
                row.first_offset,
                row.next_offset - 1,
                row.n_records,
                row.n_holes,
                row.n_parts,
                fates(&row.fates)
            );
        }
        let hidden = self.heights.len().saturating_sub(SHOWN_MAX);
        if hidden > 0 {
            let _ = writeln!(out, "  ({hidden} ranges of lower heights: see --json)");
        }
        let mut below: Option<u64> = None;
        for range in &self.heights[hidden..] {
            if let Some(below) = below {
                let n = range.from - below - 1;
                let _ = writeln!(out, "  gap: {n} heights, {} to {}", below + 1, range.from - 1);
            }
            let HeightRange { from, to, n_missing, .. } = range;
            let missing = match n_missing {
                0 => String::new(),
                n => format!(" ({n} of them missing)"),
            };
            let _ = writeln!(out, "  heights {from} to {to}{missing}: {}", fates(&range.fates));
            below = Some(*to);
        }
        let _ = writeln!(
            out,
            "  taken back by reorgs: {} heights: {}",
            self.n_orphaned_heights,
            fates(&self.orphaned)
        );
        let _ = writeln!(out, "  without a height: {}", fates(&self.unplaced));
        let _ = writeln!(
            out,
            "  {} heights missing, {} more came late",
            self.n_missing_heights, self.n_closed_gap_heights
        );
        out
    }
}

fn fates(fates: &Fates) -> String {
    let Fates { n_scored, n_applied, n_skipped, n_dead_letters } = fates;
    format!(
        "{n_scored} scored, {n_applied} applied, {n_skipped} skipped, \
         {n_dead_letters} dead-lettered"
    )
}
