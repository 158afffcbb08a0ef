//! `state export` and `state import`: one snapshot with its bundle as a file.

use super::{
    CliError,
    source::{PlaceArgs, StoreArgs, failed},
};
use crate::{cli::output, store::Archive};
use std::{fs, path::PathBuf};

/// Command line of `state export`.
#[derive(Debug, clap::Args)]
pub(super) struct ExportArgs {
    /// Where the snapshot goes
    file: PathBuf,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    place: PlaceArgs,
}

/// Command line of `state import`.
#[derive(Debug, clap::Args)]
pub(super) struct ImportArgs {
    /// A file that `state export` wrote
    file: PathBuf,
    #[command(flatten)]
    store: StoreArgs,
}

/// Runs `state export`.
pub(super) fn export(args: &ExportArgs) -> Result<(), CliError> {
    let (store, _) = args.store.open()?;
    let place = args.place.place(&store)?;
    let header = args.place.header(&store, &place)?;
    let bytes = Archive::take(&store, &header).and_then(|a| a.encode()).map_err(failed)?;
    let path = args.file.display().to_string();
    fs::write(&args.file, &bytes)
        .map_err(|source| CliError::Write { path: path.clone(), source })?;
    output::say(&format!(
        "{place} at offset {}: {} bytes written to {path}\n",
        header.offset,
        bytes.len()
    ));
    Ok(())
}

/// Runs `state import`.
pub(super) fn import(args: &ImportArgs) -> Result<(), CliError> {
    let path = args.file.display().to_string();
    let bytes =
        fs::read(&args.file).map_err(|source| CliError::Read { path: path.clone(), source })?;
    let archive = Archive::decode(&path, &bytes).map_err(failed)?;
    let header = archive.header().map_err(failed)?;
    let (store, _) = args.store.open()?;
    archive.put(&store).map_err(failed)?;
    output::say(&format!(
        "{} at offset {} published to {}\n",
        header.place,
        header.offset,
        store.url()
    ));
    Ok(())
}
