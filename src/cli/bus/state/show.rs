//! `state show`: what a snapshot remembers of an account.

use super::CliError;
use super::source::{PlaceArgs, StoreArgs, engine_of};
use crate::{
    cli::{layout, moment::utc, output},
    decode::account,
    model::{Alert, Chain, EventTime},
    state::{DEGREE_MAX, Move, Profile},
};
use serde::Serialize;
use std::fmt::Write;

/// Moves that are shown in words; JSON has all that are remembered.
const MOVES_SHOWN_MAX: usize = 10;

/// Command line of `state show`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// An account: CAIP-10 (eip155:1:0x…), or an address with --chain where several chains are kept
    subject: String,
    /// Chain of the account (CAIP-2)
    #[arg(long)]
    chain: Option<String>,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    place: PlaceArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// An account as it is remembered, as `--json` prints it. Values are in whole native units.
#[derive(Serialize)]
struct RememberedAccount {
    subject: String,
    /// The snapshot's group, topic, partition and offset.
    source: String,
    event_time_ms: i64,
    first_seen_ms: i64,
    last_in_ms: Option<i64>,
    last_out_ms: Option<i64>,
    n_in: u32,
    n_out: u32,
    n_senders: u32,
    n_single_senders: u32,
    n_recipients: u32,
    total_in: f64,
    total_out: f64,
    max_in: f64,
    /// Decayed counts at half-lives of 1 h, 24 h and 7 d.
    rate_in: [f64; 3],
    rate_out: [f64; 3],
    new_senders_24h: f64,
    moves: Vec<MoveLine>,
    open_alerts: Vec<Alert>,
}

/// A recent move; the other end is known by a hash and, on EVM chains, the ends of its address.
#[derive(Serialize)]
struct MoveLine {
    time_ms: i64,
    is_out: bool,
    /// First and last two bytes of the address, hex.
    other_ends: String,
    other_key: String,
    /// Whole native units; base units of a token.
    value: f32,
    is_token: bool,
    is_failed: bool,
    tx_prefix: String,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let (chain, address) = subject(args)?;
    let (store, config) = args.store.open()?;
    let mut found = None;
    let mut n_asked = 0;
    for place in args.place.places(&store)? {
        let header = args.place.header(&store, &place)?;
        if chain.as_ref().is_some_and(|chain| *chain != header.chain) {
            continue;
        }
        n_asked += 1;
        let (engine, of) = engine_of(&store, &header, config.as_ref())?;
        let Ok(address) = account::parse(&address, &of) else {
            continue;
        };
        let state = engine.state();
        let Some(profile) = state.profile(state.key(&address)) else { continue };
        let key = state.key(&address);
        let mut moves: Vec<MoveLine> = state
            .sent(key)
            .map(|m| move_line(&m, true))
            .chain(state.received(key).map(|m| move_line(&m, false)))
            .collect();
        moves.sort_by_key(|line| std::cmp::Reverse(line.time_ms));
        moves.truncate(DEGREE_MAX);
        let id = format!("{}:{address}", header.chain);
        let is_its = |alert: &&Alert| alert.subject == id;
        let open_alerts = engine.triage().open_alerts().filter(is_its).cloned().collect();
        let source = format!("{} at offset {}", header.place, header.offset);
        found = Some(account(id, source, header.event_time_ms, profile, moves, open_alerts));
        break;
    }
    match found {
        Some(account) if args.json => {
            let line = serde_json::to_string(&account)
                .map_err(|e| CliError::failure("cannot write an account", e))?;
            output::stdout(format!("{line}\n").as_bytes())
        }
        Some(account) => output::stdout(words(&account).as_bytes()),
        None if n_asked == 0 => Err(CliError::Usage(format!(
            "there is no snapshot of that chain in {}: see state inspect",
            store.url()
        ))),
        None => {
            output::say(&format!("{} is not remembered: never seen, or forgotten", args.subject));
            Err(CliError::Findings)
        }
    }
}

/// Splits the subject into a chain, if it names one, and an address.
fn subject(args: &Args) -> Result<(Option<String>, String), CliError> {
    // CashAddr and the accounts of venues have colons of their own.
    let mut colons = args.subject.match_indices(':').map(|(at, _)| at);
    let (chain, address) = match colons.nth(1) {
        Some(at) => (Some(args.subject[..at].to_owned()), args.subject[at + 1..].to_owned()),
        None => (args.chain.clone(), args.subject.clone()),
    };
    if let Some(chain) = &chain {
        Chain::parse(chain).map_err(|e| CliError::Usage(e.to_string()))?;
    }
    Ok((chain, address))
}

fn account(
    subject: String,
    source: String,
    event_time_ms: i64,
    profile: &Profile,
    moves: Vec<MoveLine>,
    open_alerts: Vec<Alert>,
) -> RememberedAccount {
    let now = EventTime::from_millis(event_time_ms);
    RememberedAccount {
        subject,
        source,
        event_time_ms,
        first_seen_ms: profile.first_seen().millis(),
        last_in_ms: profile.last_in().map(EventTime::millis),
        last_out_ms: profile.last_out().map(EventTime::millis),
        n_in: profile.n_in(),
        n_out: profile.n_out(),
        n_senders: profile.n_senders(),
        n_single_senders: profile.n_single_senders(),
        n_recipients: profile.n_recipients(),
        total_in: profile.total_in(),
        total_out: profile.total_out(),
        max_in: profile.max_in(),
        rate_in: [profile.in_1h(now), profile.in_24h(now), profile.in_7d(now)],
        rate_out: [profile.out_1h(now), profile.out_24h(now), profile.out_7d(now)],
        new_senders_24h: profile.new_senders_24h(now),
        moves,
        open_alerts,
    }
}

fn move_line(m: &Move, is_out: bool) -> MoveLine {
    MoveLine {
        time_ms: m.time.millis(),
        is_out,
        other_ends: m.other_ends.iter().map(|b| format!("{b:02x}")).collect(),
        other_key: format!("{:016x}", m.other.0),
        value: m.value,
        is_token: m.token.is_some(),
        is_failed: m.is_failed,
        tx_prefix: format!("{:016x}", m.tx_prefix),
    }
}

fn words(a: &RememberedAccount) -> String {
    let mut text = format!(
        "{}\n  in {}, whose newest event is of {}\n",
        a.subject,
        a.source,
        utc(a.event_time_ms)
    );
    let time = |ms: Option<i64>| ms.map_or_else(|| "never".to_owned(), utc);
    let _ = writeln!(
        text,
        "  first seen {}, last received {}, last sent {}",
        utc(a.first_seen_ms),
        time(a.last_in_ms),
        time(a.last_out_ms)
    );
    let _ = writeln!(
        text,
        "  received {} payments from {} senders ({} of them once), {} in total, {} at most",
        a.n_in, a.n_senders, a.n_single_senders, a.total_in, a.max_in
    );
    let _ = writeln!(
        text,
        "  sent {} transactions to {} recipients, {} in total",
        a.n_out, a.n_recipients, a.total_out
    );
    let [in_1h, in_24h, in_7d] = a.rate_in;
    let [out_1h, out_24h, out_7d] = a.rate_out;
    let _ = writeln!(
        text,
        "  decayed over 1 h, 24 h, 7 d: {in_1h:.1}, {in_24h:.1}, {in_7d:.1} in; \
         {out_1h:.1}, {out_24h:.1}, {out_7d:.1} out"
    );
    if !a.moves.is_empty() {
        let _ = writeln!(text, "  {} recent moves, newest first:", a.moves.len());
    }
    for m in a.moves.iter().take(MOVES_SHOWN_MAX) {
        let direction = if m.is_out { "to  " } else { "from" };
        let unit = if m.is_token { " base units of a token" } else { "" };
        let failed = if m.is_failed { " (failed)" } else { "" };
        let (head, tail) = m.other_ends.split_at(4);
        let _ = writeln!(
            text,
            "    {} {direction} {head}…{tail}: {}{unit}{failed}",
            utc(m.time_ms),
            m.value
        );
    }
    for alert in &a.open_alerts {
        let severity = layout::severity(alert.severity, layout::is_coloured());
        let _ = writeln!(text, "  open: {severity} {}", alert.reason);
    }
    text
}
