//! `schema fetch`: fills the directory that `schemas:` names from a Schema Registry.
//!
//! Schemas are settings: what a replay reads by must be what the live run read by. So they are
//! fetched when an operator says so, and take part like any other change of the configuration.

use crate::{
    cli::{CliError, output},
    decode::envelope::{SCHEMA_BYTES_MAX, SCHEMAS_MAX},
    kafka::registry::{Access, RegisteredSchema, RegistryError, SchemaReference, SchemaRegistry},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// How deep what a schema refers to may refer to more.
const DEPTH_MAX: usize = 16;
/// The most subjects that are asked for.
const SUBJECTS_MAX: usize = 10_000;

/// Command line of `schema fetch`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// Address of the registry
    #[arg(long, value_name = "URL")]
    registry: String,
    /// The directory that inputs name under `schemas`; made if it is missing
    #[arg(long, value_name = "DIRECTORY")]
    to: PathBuf,
    /// Only this subject, e.g. payments-value; may be repeated
    #[arg(long, value_name = "NAME")]
    subject: Vec<String>,
    /// For basic authentication
    #[arg(long, value_name = "NAME", env = "TXWARDEN_REGISTRY_USERNAME")]
    username: Option<String>,
    /// A file that holds the password
    #[arg(long, value_name = "FILE", requires = "username")]
    password_file: Option<PathBuf>,
    /// The certificate authority that signed the registry's certificate, PEM
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
}

/// Runs the command.
pub(in crate::cli) fn run(args: &Args) -> Result<(), CliError> {
    let access = Access {
        url: args.registry.clone(),
        username: args.username.clone(),
        password_file: args.password_file.clone(),
        ca_file: args.ca_file.clone(),
    };
    let registry = SchemaRegistry::new(&access).map_err(failed)?;
    let mut found = Found::default();
    let subjects = if args.subject.is_empty() {
        registry.subjects().map_err(failed)?
    } else {
        args.subject.clone()
    };
    if subjects.len() > SUBJECTS_MAX {
        return Err(refused(format!("{} subjects: name those that are read", subjects.len())));
    }
    for subject in &subjects {
        for version in registry.versions(subject).map_err(failed)? {
            let schema = registry.version(subject, version).map_err(failed)?;
            found.add(&registry, schema)?;
        }
    }
    if found.own.is_empty() {
        return Err(refused("the registry has no schema of these subjects".to_owned()));
    }
    let n_changed = found.write(&args.to)?;
    let (n, n_shared) = (found.own.len(), found.shared.len());
    let text = format!(
        "{n} schemas and {n_shared} that they refer to in {}, {n_changed} files changed; a running \
         process takes them at its next reload\n",
        args.to.display()
    );
    output::stdout(text.as_bytes())
}

/// Schemas by what will be their files.
#[derive(Default)]
struct Found {
    own: BTreeMap<u32, (&'static str, String)>,
    /// Each after what it refers to itself: its place is in its name.
    shared: Vec<(String, String)>,
    seen: BTreeSet<SchemaReference>,
}

impl Found {
    fn add(&mut self, registry: &SchemaRegistry, schema: RegisteredSchema) -> Result<(), CliError> {
        let ending = ending(&schema.kind)?;
        self.follow(registry, &schema.references, DEPTH_MAX)?;
        self.own.insert(schema.id, (ending, bounded(schema.text)?));
        if self.own.len() > SCHEMAS_MAX {
            return Err(refused(format!(
                "more than {SCHEMAS_MAX} schemas: name the subjects that the inputs hold"
            )));
        }
        Ok(())
    }

    fn follow(
        &mut self,
        registry: &SchemaRegistry,
        references: &[SchemaReference],
        depth: usize,
    ) -> Result<(), CliError> {
        for reference in references {
            if !self.seen.insert(reference.clone()) {
                continue;
            }
            if depth == 0 || self.seen.len() > SCHEMAS_MAX {
                return Err(refused(format!("{} refers to too much", reference.subject)));
            }
            let schema = registry.version(&reference.subject, reference.version).map_err(failed)?;
            self.follow(registry, &schema.references, depth - 1)?;
            let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
            let plain: String = reference
                .name
                .chars()
                .take(64)
                .map(|c| if is_plain(c) { c } else { '_' })
                .collect();
            let (n, ending) = (self.shared.len(), ending(&schema.kind)?);
            self.shared.push((format!("import-{n:04}-{plain}.{ending}"), bounded(schema.text)?));
        }
        Ok(())
    }

    /// Writes what differs from what is there; returns how many files that were.
    fn write(&self, dir: &Path) -> Result<usize, CliError> {
        let failed = |path: &Path| {
            let path = path.display().to_string();
            move |source| CliError::Write { path, source }
        };
        fs::create_dir_all(dir).map_err(failed(dir))?;
        let own = self.own.iter().map(|(id, (ending, text))| (format!("{id}.{ending}"), text));
        let shared = self.shared.iter().map(|(name, text)| (name.clone(), text));
        let mut n_changed = 0;
        for (name, text) in own.chain(shared) {
            let path = dir.join(&name);
            if fs::read(&path).is_ok_and(|old| old == text.as_bytes()) {
                continue;
            }
            // A reload in between reads the old file or the new one, never half of it.
            let half = dir.join(format!(".{name}.new"));
            fs::write(&half, text).map_err(failed(&half))?;
            fs::rename(&half, &path).map_err(failed(&path))?;
            n_changed += 1;
        }
        Ok(n_changed)
    }
}

/// Returns the ending by which a directory of schemas tells their languages.
fn ending(kind: &str) -> Result<&'static str, CliError> {
    match kind {
        "AVRO" => Ok("avsc"),
        "PROTOBUF" => Ok("proto"),
        "JSON" => Ok("json"),
        other => Err(refused(format!("schemas of type {other} cannot be read"))),
    }
}

fn bounded(text: String) -> Result<String, CliError> {
    if text.len() > SCHEMA_BYTES_MAX {
        return Err(refused(format!("a schema of more than {SCHEMA_BYTES_MAX} bytes")));
    }
    Ok(text)
}

fn failed(error: RegistryError) -> CliError {
    CliError::failure("cannot fetch schemas", error)
}

fn refused(why: String) -> CliError {
    CliError::Failure { what: "cannot fetch schemas", source: why.into() }
}
