//! Named points at which a test stops, aborts or bends the program; in a release build, nothing.
//!
//! `TXWARDEN_FAILPOINTS` holds `name=action` entries, separated by `;`:
//!
//! | action | effect |
//! |---|---|
//! | `pause@N` | at the N-th hit prints `failpoint NAME` to stderr and waits for ever |
//! | `abort@N` | at the N-th hit prints the same and aborts the process |
//! | `abort:TEXT` | aborts when a record contains the text ([`record`]) |
//! | `on` | switches on a broken variant ([`is_on`]), a negative control of the fault suite |
//! | `+MS`, `-MS` | moves the clock (the entry is called `clock`) |

/// The points that the program passes by, in the order of a batch, a snapshot and a takeover.
pub const POINTS: [&str; 12] = [
    "batch_before_send",
    "batch_after_send",
    "batch_after_offsets",
    "batch_before_commit",
    "batch_after_commit",
    "snapshot_before_write",
    "snapshot_part_written",
    "snapshot_after_write",
    "restore_before_load",
    "restore_after_load",
    "restore_before_live",
    "live",
];

/// The broken variants: a suite that does not notice them proves nothing.
///
/// - `commit_before_send`: outputs are committed before the offsets are sent (at least once);
/// - `emit_while_rebuilding`: a replay writes again what was answered before;
/// - `hash_order`: a batch leaves in the order of a randomly seeded hash;
/// - `no_generation`: transactions carry the group's name without a membership.
pub const VARIANTS: [&str; 4] =
    ["commit_before_send", "emit_while_rebuilding", "hash_order", "no_generation"];

#[cfg(debug_assertions)]
pub use active::{clock_offset_ms, hit, is_on, record};

#[cfg(not(debug_assertions))]
pub use absent::{clock_offset_ms, hit, is_on, record};

#[cfg(not(debug_assertions))]
mod absent {
    /// Does nothing in a release build.
    #[inline(always)]
    pub fn hit(_name: &str) {}

    /// Returns false in a release build.
    #[inline(always)]
    pub fn is_on(_name: &str) -> bool {
        false
    }

    /// Does nothing in a release build.
    #[inline(always)]
    pub fn record(_value: Option<&[u8]>) {}

    /// Returns 0 in a release build.
    #[inline(always)]
    pub fn clock_offset_ms() -> i64 {
        0
    }
}

#[cfg(debug_assertions)]
mod active {
    use super::{POINTS, VARIANTS};
    use std::{
        env,
        io::Write,
        process, str,
        sync::{
            LazyLock,
            atomic::{AtomicU64, Ordering},
        },
        thread,
    };

    #[derive(Debug, PartialEq, Eq)]
    enum Action {
        PauseAt(u64),
        AbortAt(u64),
        AbortOn(String),
        On,
        ClockMs(i64),
    }

    struct Entry {
        name: String,
        action: Action,
        n_hits: AtomicU64,
    }

    static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
        let Ok(text) = env::var("TXWARDEN_FAILPOINTS") else { return Vec::new() };
        let parsed: Result<Vec<Entry>, String> =
            text.split(';').filter(|part| !part.is_empty()).map(parse).collect();
        parsed.unwrap_or_else(|mistake| {
            // A test that means to break something must not pass because of a typing mistake.
            say(&format!("TXWARDEN_FAILPOINTS: {mistake}"));
            process::abort()
        })
    });

    /// Counts a hit of a point, and pauses or aborts where the test asked for it.
    pub fn hit(name: &str) {
        debug_assert!(POINTS.contains(&name), "{name} is no point");
        for entry in ENTRIES.iter().filter(|entry| entry.name == name) {
            let n = entry.n_hits.fetch_add(1, Ordering::Relaxed) + 1;
            match entry.action {
                Action::PauseAt(at) if at == n => {
                    say(&format!("failpoint {name}"));
                    loop {
                        thread::park();
                    }
                }
                Action::AbortAt(at) if at == n => {
                    say(&format!("failpoint {name}"));
                    process::abort();
                }
                _ => {}
            }
        }
    }

    /// Returns whether a broken variant is switched on.
    pub fn is_on(name: &str) -> bool {
        debug_assert!(VARIANTS.contains(&name), "{name} is no variant");
        ENTRIES.iter().any(|entry| entry.name == name && entry.action == Action::On)
    }

    /// Aborts the process where the record is the poison that the test planted.
    pub fn record(value: Option<&[u8]>) {
        for entry in ENTRIES.iter() {
            if let (Action::AbortOn(text), Some(value)) = (&entry.action, value)
                && value.windows(text.len()).any(|window| window == text.as_bytes())
            {
                say("failpoint record");
                process::abort();
            }
        }
    }

    /// Returns how far the test has moved the clock.
    pub fn clock_offset_ms() -> i64 {
        let offset = |entry: &Entry| match entry.action {
            Action::ClockMs(ms) => Some(ms),
            _ => None,
        };
        ENTRIES.iter().find_map(offset).unwrap_or(0)
    }

    fn parse(part: &str) -> Result<Entry, String> {
        let (name, action) = part.split_once('=').ok_or_else(|| format!("{part}: no ="))?;
        let nth = |text: &str| text.parse().map_err(|e| format!("{part}: {e}"));
        let action = if let Some(n) = action.strip_prefix("pause@") {
            Action::PauseAt(nth(n)?)
        } else if let Some(n) = action.strip_prefix("abort@") {
            Action::AbortAt(nth(n)?)
        } else if let Some(text) = action.strip_prefix("abort:").filter(|text| !text.is_empty()) {
            Action::AbortOn(text.to_owned())
        } else if action == "on" {
            Action::On
        } else {
            Action::ClockMs(action.parse().map_err(|e| format!("{part}: {e}"))?)
        };
        let is_known = match action {
            Action::PauseAt(_) | Action::AbortAt(_) => POINTS.contains(&name),
            Action::AbortOn(_) => name == "record",
            Action::On => VARIANTS.contains(&name),
            Action::ClockMs(_) => name == "clock",
        };
        if !is_known {
            return Err(format!("{part}: there is no such point, variant or action"));
        }
        Ok(Entry { name: name.to_owned(), action, n_hits: AtomicU64::new(0) })
    }

    fn say(text: &str) {
        // Whoever closed stderr does not wait for the message.
        let _ = writeln!(std::io::stderr().lock(), "{text}");
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn entries_are_read_and_mistakes_are_not() {
            let action = |part: &str| parse(part).map(|entry| entry.action);
            assert_eq!(action("live=pause@3"), Ok(Action::PauseAt(3)));
            assert_eq!(action("batch_after_send=abort@1"), Ok(Action::AbortAt(1)));
            assert_eq!(action("record=abort:x=y"), Ok(Action::AbortOn("x=y".to_owned())));
            assert_eq!(action("hash_order=on"), Ok(Action::On));
            assert_eq!(action("clock=-86400000"), Ok(Action::ClockMs(-86_400_000)));
            for wrong in
                ["live", "live=on", "lives=pause@1", "live=pause@x", "record=abort:", "clock="]
            {
                assert!(parse(wrong).is_err(), "{wrong}");
            }
        }

        #[test]
        fn nothing_happens_unless_asked_for() {
            POINTS.into_iter().for_each(hit);
            assert!(VARIANTS.into_iter().all(|name| !is_on(name)));
            record(Some(b"a record"));
            assert_eq!(clock_offset_ms(), 0);
        }
    }
}
