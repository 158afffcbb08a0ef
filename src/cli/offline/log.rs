//! A log of recorded files: its partitions, and an engine for each as `run` has one.

use super::{
    input::InputArgs,
    turns::{TurnArgs, Turns},
};
use crate::{
    cli::{CliError, output},
    config::Config,
    decode::{Settings, envelope::decide},
    engine::{Action, Engine, Examination, Features, Setup},
    files::recorded::{Item, LineShape, LogReader, RecordedError, Survey, shape_of},
    journal::{ControlEntry, WHOLE_TOPIC},
    model::{EventId, Record, TopicPartition},
    pipeline::{Driver, Fits, InputParams},
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Recorded files, read once to learn what they hold.
pub(in crate::cli) struct RecordedLog {
    files: Vec<(PathBuf, LineShape)>,
    survey: Survey,
    /// Of every group and partition.
    entries: Vec<ControlEntry>,
}

impl RecordedLog {
    /// Reads what recorded files hold; `None` when they hold plain lines.
    pub(in crate::cli) fn open(
        files: &[PathBuf],
        config: &Config,
    ) -> Result<Option<Self>, CliError> {
        let mut shapes = Vec::with_capacity(files.len());
        for path in files {
            // Standard input can be read once only; whoever reads it sees what it holds.
            let shape = match path == Path::new("-") {
                true => LineShape::Plain,
                false => shape_of(path).map_err(|source| super::input::read_error(path, source))?,
            };
            shapes.push((path.clone(), shape));
        }
        if shapes.iter().all(|(_, shape)| *shape == LineShape::Plain) {
            return Ok(None);
        }
        if let Some((path, _)) = shapes.iter().find(|(_, shape)| *shape == LineShape::Plain) {
            let text = "holds plain lines and others are records as Kafka had them: replay either";
            return Err(CliError::Usage(format!("{} {text}", path.display())));
        }
        let mut log = Self { files: shapes, survey: Survey::default(), entries: Vec::new() };
        log.look(&config.run.outputs.control)?;
        Ok(Some(log))
    }

    fn look(&mut self, control: &str) -> Result<(), CliError> {
        let (mut survey, mut entries) = (Survey::default(), Vec::new());
        self.items(|item| {
            survey.add(item)?;
            let Item::Record(record) = item else { return Ok(true) };
            if record.place.topic == control {
                let value = record.value.as_deref().unwrap_or_default();
                entries.push(
                    ControlEntry::parse(value).map_err(|why| format!("no control entry: {why}"))?,
                );
            }
            Ok(true)
        })?;
        (self.survey, self.entries) = (survey, entries);
        Ok(())
    }

    /// Hands out the items of all files until told to stop; a mistake is told with its line.
    fn items(&self, mut visit: impl FnMut(&Item) -> Result<bool, String>) -> Result<(), CliError> {
        for (path, shape) in &self.files {
            let io = |source| super::input::read_error(path, source);
            let mut reader = LogReader::open(path, *shape).map_err(io)?;
            let wrong = |what: String| CliError::Usage(format!("{}: {what}", path.display()));
            loop {
                let item = match reader.next_item() {
                    Ok(item) => item,
                    Err(RecordedError::Io(source)) => return Err(io(source)),
                    Err(error) => return Err(wrong(error.to_string())),
                };
                let Some(item) = item else { break };
                let n = reader.n_line();
                if !visit(&item).map_err(|why| wrong(format!("line {n}: {why}")))? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Hands out every record until told to stop.
    pub(in crate::cli) fn each(
        &self,
        mut visit: impl FnMut(Record<'_>) -> Result<bool, CliError>,
    ) -> Result<(), CliError> {
        let mut failed = None;
        self.items(|item| {
            let Item::Record(record) = item else { return Ok(true) };
            let mut headers = Vec::new();
            visit(record.record(&mut headers)).or_else(|error| {
                failed = Some(error);
                Ok(false)
            })
        })?;
        failed.map_or(Ok(()), Err)
    }

    /// Returns the partitions that are read as inputs.
    fn inputs(&self, input: &InputArgs, config: &Config) -> Vec<TopicPartition> {
        let is_input = |place: &TopicPartition| {
            input.format.is_some() || input_of(config, &place.topic).is_some()
        };
        self.candidates(config).into_iter().filter(is_input).collect()
    }

    /// Returns the partitions that are no outputs of the configuration.
    fn candidates(&self, config: &Config) -> Vec<TopicPartition> {
        let outputs = config.run.outputs.topics();
        let places = self.survey.places.keys();
        places.filter(|place| !outputs.contains(&&*place.topic)).cloned().collect()
    }

    /// Returns the one partition of the log that can be an input.
    pub(in crate::cli) fn only_input(&self, config: &Config) -> Result<TopicPartition, CliError> {
        let mut places = self.candidates(config);
        match (places.pop(), places.is_empty()) {
            (Some(only), true) => Ok(only),
            (last, _) => {
                let names: Vec<String> =
                    places.iter().chain(&last).map(ToString::to_string).collect();
                let names = names.join(", ");
                let text = format!("one partition is evaluated, and the log has [{names}]");
                Err(CliError::Usage(text))
            }
        }
    }

    /// Begins a fold: an engine for each partition, with all its turns ahead.
    pub(in crate::cli) fn begin(
        &self,
        (input, turns, config): (&InputArgs, &TurnArgs, &Config),
        dir: &Path,
        adjust: &dyn Fn(&mut Setup),
    ) -> Result<PartitionFolds, CliError> {
        let mut entries = self.control(turns, config)?;
        let has_control = !entries.is_empty();
        if has_control && turns.has_verdicts() {
            let text = "--verdicts: the control log of the run has its verdicts already";
            return Err(CliError::Usage(text.to_owned()));
        }
        let mut lanes = PartitionFolds::default();
        for place in self.inputs(input, config) {
            let mut config = config.clone();
            let settings = input.settings_with(&config, input_of(&config, &place.topic))?;
            config.add_chain(&settings.chain, dir).map_err(|e| CliError::Config(e.to_string()))?;
            let mut setup = config.engine_setup(&settings.chain);
            let entries = entries.remove(&place).unwrap_or_default();
            let turns = turns.open_exact(&config, &settings, &mut setup, entries)?;
            adjust(&mut setup);
            let driver = Driver::new(setup, Fits::Background)
                .map_err(|e| CliError::failure("cannot make the detector", e))?;
            self.note(&place, turns.begins_at(), has_control, &mut lanes.notes)?;
            let to = self.survey.places.get(&place).map_or(0, |extent| extent.to);
            lanes.lanes.insert(place, PartitionFold { settings, turns, driver: Some(driver), to });
        }
        if lanes.lanes.is_empty() {
            let topics: Vec<String> = self.survey.places.keys().map(ToString::to_string).collect();
            return Err(CliError::Usage(format!(
                "no input is in the log, which holds {}: name --format and --chain, or a \
                 configuration with -c that has one of its topics as input",
                topics.join(", ")
            )));
        }
        let left = self.survey.places.keys().filter(|place| !lanes.lanes.contains_key(*place));
        for place in left.filter(|place| place.topic != config.run.outputs.control) {
            lanes.notes.push(format!("{place} is no input of the configuration, and left out"));
        }
        Ok(lanes)
    }

    /// Returns the control entries of each partition: of a file, else of the log itself.
    fn control(
        &self,
        turns: &TurnArgs,
        config: &Config,
    ) -> Result<BTreeMap<TopicPartition, Vec<ControlEntry>>, CliError> {
        let (file, wanted) = turns.named();
        let entries = match file {
            None => self.entries.clone(),
            Some(path) => entries_of(path)?,
        };
        let is_wanted = |entry: &ControlEntry| wanted.is_none_or(|wanted| entry.key() == wanted);
        let entries: Vec<ControlEntry> = entries
            .into_iter()
            .filter(|entry| entry.place.partition != WHOLE_TOPIC && is_wanted(entry))
            .collect();
        let mut groups: Vec<&str> = entries.iter().map(|e| &*e.place.group).collect();
        groups.sort_unstable();
        groups.dedup();
        let own = &*config.run.kafka.group;
        let group = match groups[..] {
            [] => return Ok(BTreeMap::new()),
            _ if groups.contains(&own) => own.to_owned(),
            [only] => only.to_owned(),
            _ => {
                let groups = groups.join(", ");
                let text = format!("the control log is of the groups {groups}: set kafka.group");
                return Err(CliError::Usage(text));
            }
        };
        let mut by_place: BTreeMap<TopicPartition, Vec<ControlEntry>> = BTreeMap::new();
        for entry in entries.into_iter().filter(|entry| entry.place.group == group) {
            let (topic, partition) = (entry.place.topic.clone(), entry.place.partition);
            by_place.entry(TopicPartition { topic, partition }).or_default().push(entry);
        }
        Ok(by_place)
    }

    /// Says what keeps a partition from being exact, or refuses what cannot be.
    fn note(
        &self,
        place: &TopicPartition,
        begins_at: Option<i64>,
        has_control: bool,
        notes: &mut Vec<String>,
    ) -> Result<(), CliError> {
        let Some(extent) = self.survey.places.get(place) else { return Ok(()) };
        match begins_at {
            None if has_control => notes
                .push(format!("the control log has no entry of {place}: the run had not read it")),
            None => notes.push(format!(
                "no control log of {place}: it is judged by the settings at hand from offset {} \
                 on, and alerts differ where the run began elsewhere, had other settings or \
                 learned verdicts; record the control topic, or name --control",
                extent.from
            )),
            Some(at) if at < extent.from => {
                let what = format!(
                    "the run of {place} began at offset {at}, and the log begins at {}",
                    extent.from
                );
                if extent.is_marked {
                    return Err(CliError::Usage(format!("{what}: record from {at} on")));
                }
                notes.push(format!("{what}: exact only if there was no record between"));
            }
            Some(_) => {}
        }
        if let Some((from, to)) = extent.hole {
            return Err(CliError::Usage(format!(
                "the log lacks offsets {from} to {} of {place}: they were never read",
                to - 1
            )));
        }
        if let Some(first) = extent.unknown {
            notes.push(format!(
                "{} offsets of {place} have no line, the first is {first}: exact only if they are \
                 markers of transactions, aborted, or compacted (txwarden record says so itself)",
                extent.n_unknown
            ));
        }
        Ok(())
    }
}

/// Returns the input of a topic.
fn input_of<'c>(config: &'c Config, topic: &str) -> Option<&'c InputParams> {
    config.run.inputs.iter().find(|input| input.topic == topic)
}

fn entries_of(path: &Path) -> Result<Vec<ControlEntry>, CliError> {
    let text = fs::read_to_string(path).map_err(|source| super::input::read_error(path, source))?;
    let lines = text.lines().zip(1u32..).filter(|(line, _)| !line.trim().is_empty());
    let entries = lines.map(|(line, n)| {
        ControlEntry::parse(line.as_bytes())
            .map_err(|why| CliError::Usage(format!("{}: line {n}: {why}", path.display())))
    });
    entries.collect()
}

/// An engine for each partition of a log.
#[derive(Default)]
pub(in crate::cli) struct PartitionFolds {
    lanes: BTreeMap<TopicPartition, PartitionFold>,
    /// What to tell of the log.
    notes: Vec<String>,
}

struct PartitionFold {
    settings: Settings,
    turns: Turns,
    /// `None` once it examined.
    driver: Option<Driver>,
    /// The offset behind the last record.
    to: i64,
}

impl PartitionFolds {
    /// Says what keeps the fold from being exact.
    pub(in crate::cli) fn tell(&self) {
        self.notes.iter().for_each(|note| output::say(note));
    }

    /// Returns how a partition's records are read.
    pub(in crate::cli) fn settings(&self, topic: &str, partition: i32) -> Option<&Settings> {
        let place = TopicPartition { topic: topic.to_owned(), partition };
        self.lanes.get(&place).map(|lane| &lane.settings)
    }

    /// Folds a record; returns whether it is one that `run` folded.
    pub(in crate::cli) fn feed(
        &mut self,
        record: Record<'_>,
        actions: &mut Vec<Action>,
    ) -> Result<bool, CliError> {
        let place = TopicPartition { topic: record.topic.to_owned(), partition: record.partition };
        let Some(lane) = self.lanes.get_mut(&place) else { return Ok(false) };
        let Some(driver) = &mut lane.driver else { return Ok(false) };
        if lane.turns.begins_at().is_none()
            && let Some(wrapping) = decide(&lane.settings, &record)
        {
            lane.settings.envelope.wrapping = wrapping;
        }
        lane.turns.feed_exact(driver, &lane.settings, record, actions)
    }

    /// Examines an event of a record, which ends its partition's fold.
    pub(in crate::cli) fn examine(
        &mut self,
        record: &Record<'_>,
        event: &EventId,
        typical: &[Features],
    ) -> Result<Option<Examination>, CliError> {
        let place = TopicPartition { topic: record.topic.to_owned(), partition: record.partition };
        let Some(lane) = self.lanes.get_mut(&place) else { return Ok(None) };
        let Some(driver) = lane.driver.take() else { return Ok(None) };
        lane.turns.examine_exact(driver, &lane.settings, record, event, typical)
    }

    /// Takes the turns at the end of the log; those beyond it are told.
    pub(in crate::cli) fn finish(&mut self) -> Result<(), CliError> {
        for (place, lane) in &mut self.lanes {
            let Some(driver) = &mut lane.driver else { continue };
            let n_ahead = lane.turns.finish_exact(lane.to, driver)?;
            if n_ahead > 0 {
                output::say(&format!(
                    "{n_ahead} control entries of {place} apply behind offset {}, where the log \
                     ends",
                    lane.to
                ));
            }
        }
        Ok(())
    }

    /// Returns the engines with their partitions.
    pub(in crate::cli) fn engines(&self) -> Vec<(&TopicPartition, &Engine)> {
        let lanes = self.lanes.iter();
        lanes.filter_map(|(place, lane)| Some((place, lane.driver.as_ref()?.engine()))).collect()
    }
}
