//! A record that is set aside unread because reading it brought the process down.

use super::{Action, DeadLetter, Engine, ledger::Fate, report::stats::count};
use crate::{
    decode::{Reason, Settings},
    model::Record,
    triage::Coordinates,
};

impl Engine {
    /// Counts the record and makes it a dead letter; nothing is learnt from it.
    pub(super) fn on_poison(
        &mut self,
        settings: &Settings,
        record: &Record<'_>,
        actions: &mut Vec<Action>,
    ) {
        self.begin_record();
        self.stats.n_parts += 1;
        count(&mut self.stats.dead_letters, Reason::CrashLoop.as_str());
        self.ledger.record(record.topic, record.partition, record.offset);
        self.ledger.part(None, Fate::DeadLetter);
        let at = Coordinates {
            topic: record.topic.to_owned(),
            partition: record.partition,
            offset: record.offset,
            part_index: 0,
        };
        let detail = "reading it ended the process three times".to_owned();
        let letter = DeadLetter::of(settings, record, &at, Reason::CrashLoop, detail);
        actions.push(Action::DeadLetter(Box::new(letter)));
    }
}
