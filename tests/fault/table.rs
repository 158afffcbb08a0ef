//! The one table that a run prints.

use crate::case::{Case, Outcome};
use std::time::Duration;

/// The result of one case.
pub struct Row {
    pub case: &'static Case,
    pub count: usize,
    pub outcome: Result<Outcome, String>,
    pub took: Duration,
}

/// Names every case.
pub fn list(cases: &[Case]) {
    println!("{:<24} {:>5} {:>5} {:>5}  must show", "case", "smoke", "short", "full");
    for case in cases {
        let [smoke, short, full] = case.counts;
        println!("{:<24} {smoke:>5} {short:>5} {full:>5}  {}", case.name, case.shows);
    }
}

/// Prints the table, and in full what went wrong.
pub fn print(rows: &[Row], seed: u64) {
    println!("\nseed {seed}");
    println!(
        "{:<24} {:>5} {:>8} {:>7} {:>5} {:>7} {:>8} {:>8}  verdict",
        "case", "count", "records", "alerts", "dead", "time s", "p50 ms", "max ms"
    );
    rows.iter().for_each(|row| println!("{}", line(row)));
    for row in rows {
        if let Err(why) = &row.outcome {
            println!("\n{}: {why}", row.case.name);
        }
    }
}

/// Returns one line of the table.
pub fn line(row: &Row) -> String {
    let seen = row.outcome.clone().unwrap_or_default();
    let mut times = seen.takeovers.clone();
    times.sort();
    let ms = |time: Option<&Duration>| time.map_or("-".to_owned(), |t| t.as_millis().to_string());
    let verdict = match &row.outcome {
        Ok(seen) if seen.note.is_empty() => "ok".to_owned(),
        Ok(seen) => format!("ok: {}", seen.note),
        Err(why) => format!("FAILED: {}", why.lines().next().unwrap_or_default()),
    };
    format!(
        "{:<24} {:>5} {:>8} {:>7} {:>5} {:>7.1} {:>8} {:>8}  {verdict}",
        row.case.name,
        row.count,
        seen.n_records,
        seen.n_alerts,
        seen.n_dead_letters,
        row.took.as_secs_f64(),
        ms(times.get(times.len() / 2)),
        ms(times.last()),
    )
}
