//! `manual`: the documentation on the command line.

use super::{CliError, output};
use crate::{
    detect::suggest::nearest,
    manual::{PAGES, page},
};
use std::{
    env,
    fmt::Write as _,
    io::{IsTerminal, Write as _, stdout},
    process::{Command, Stdio},
};

/// Command line of `manual`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Which page; without it the list of pages
    page: Option<String>,
}

/// Runs the command.
pub(super) fn run(args: &Args) -> Result<(), CliError> {
    let Some(name) = &args.page else {
        let mut list = "Pages; `txwarden manual PAGE` shows one.\n\n".to_owned();
        for page in PAGES {
            // Writing to a string cannot fail.
            let _ = writeln!(list, "  {:<14} {}", page.name, page.about);
        }
        return output::stdout(list.as_bytes());
    };
    let Some(page) = page(name) else {
        let meant = nearest(name, PAGES.iter().map(|page| page.name));
        let meant = meant.map_or_else(
            || "`txwarden manual` lists them".to_owned(),
            |meant| format!("did you mean {meant:?}?"),
        );
        return Err(CliError::Usage(format!("no page {name:?} in the manual ({meant})")));
    };
    if stdout().is_terminal() && paged(page.text) {
        return Ok(());
    }
    output::stdout(page.text.as_bytes())
}

/// Shows a text in the pager of the environment, else in `less`; false where there is none.
fn paged(text: &str) -> bool {
    let pager = env::var("PAGER").ok().filter(|pager| !pager.trim().is_empty());
    let pager = pager.unwrap_or_else(|| "less -R".to_owned());
    let mut words = pager.split_whitespace();
    let Some(program) = words.next() else { return false };
    let Ok(mut child) = Command::new(program).args(words).stdin(Stdio::piped()).spawn() else {
        return false;
    };
    if let Some(mut stdin) = child.stdin.take() {
        // Who leaves the pager early has read enough.
        let _ = stdin.write_all(text.as_bytes());
    }
    child.wait().is_ok()
}
