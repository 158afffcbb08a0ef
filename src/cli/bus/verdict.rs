//! `verdict`: writes one verdict or order as the record that the verdict topic takes.

use crate::{
    cli::{CliError, moment, output},
    model::{Judgement, Verdict},
    ops::now_ms,
};

/// Command line of `verdict`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// true_positive, false_positive, benign, unsure, or an order: allow, deny, roll_back
    #[arg(value_parser = parse_judgement)]
    verdict: Judgement,
    /// As in the alert, e.g. eip155:1:0x…; for roll_back the model, e.g. eip155:1/model/verdicts
    subject: String,
    /// Who says so
    #[arg(long, value_name = "NAME")]
    analyst: String,
    /// Id of the alert that was judged
    #[arg(long, value_name = "ALERT_ID")]
    alert: Option<String>,
    /// Until when allow or deny holds: a date (YYYY, YYYY-MM or YYYY-MM-DD, UTC) or a time from now
    /// (90d, 12h, 30m); `now` takes it back
    #[arg(long, value_name = "WHEN")]
    until: Option<String>,
    /// How much it counts, above 0 and at most 1
    #[arg(long, value_name = "SHARE", default_value = "1")]
    weight: f64,
    /// A sentence for colleagues
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

/// Runs the command.
pub(in crate::cli) fn run(args: &Args) -> Result<(), CliError> {
    let line = line(args, now_ms()).map_err(CliError::Usage)?;
    output::stdout(format!("{line}\n").as_bytes())
}

/// Writes the record, and reads it as the worker will.
fn line(args: &Args, now_ms: i64) -> Result<String, String> {
    let until_ms = args.until.as_deref().map(|text| moment::until(text, now_ms)).transpose()?;
    let verdict = Verdict {
        schema: Verdict::SCHEMA.to_owned(),
        alert_id: args.alert.clone(),
        subject: args.subject.clone(),
        verdict: args.verdict,
        analyst: args.analyst.clone(),
        weight: args.weight,
        time_ms: now_ms,
        until_ms,
        note: args.note.clone(),
    };
    let line = serde_json::to_string(&verdict).map_err(|e| e.to_string())?;
    Verdict::parse(line.as_bytes()).map_err(|e| e.to_string())?;
    Ok(line)
}

fn parse_judgement(text: &str) -> Result<Judgement, String> {
    let found = Judgement::ALL.into_iter().find(|judgement| judgement.as_str() == text);
    found.ok_or_else(|| {
        let known: Vec<_> = Judgement::ALL.iter().map(|judgement| judgement.as_str()).collect();
        format!("known verdicts are {}", known.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_700_000_000_000;

    fn args(verdict: Judgement, until: Option<&str>) -> Args {
        Args {
            verdict,
            subject: "eip155:1:0xab".to_owned(),
            analyst: "ann".to_owned(),
            alert: None,
            until: until.map(str::to_owned),
            weight: 1.0,
            note: None,
        }
    }

    #[test]
    fn what_is_written_is_what_the_worker_reads() {
        let written = |verdict, until| {
            let line = line(&args(verdict, until), NOW_MS).unwrap();
            Verdict::parse(line.as_bytes()).unwrap()
        };
        assert_eq!(written(Judgement::Benign, None).time_ms, NOW_MS);
        let denied = written(Judgement::Deny, Some("90d"));
        assert_eq!(denied.until_ms, Some(NOW_MS + 90 * 86_400_000));
        assert_eq!(written(Judgement::Allow, Some("2024")).until_ms, Some(1_704_067_200_000));
        assert_eq!(written(Judgement::Allow, Some("now")).until_ms, Some(NOW_MS));
        for (verdict, until, what) in [
            (Judgement::Allow, None, "until_ms"),
            (Judgement::Benign, Some("90d"), "until_ms"),
            (Judgement::Deny, Some("soon"), "soon"),
        ] {
            let said = line(&args(verdict, until), NOW_MS).unwrap_err();
            assert!(said.contains(what), "{said}");
        }
        assert_eq!(parse_judgement("roll_back"), Ok(Judgement::RollBack));
        assert!(parse_judgement("guilty").is_err());
    }
}
