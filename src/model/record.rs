//! One record of the bus, borrowed from whoever read it.

/// A Kafka record, or a line of a file that stands for one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Record<'a> {
    pub topic: &'a str,
    pub partition: i32,
    pub offset: i64,
    /// The broker's or producer's timestamp in milliseconds, where there is one.
    pub kafka_ms: Option<i64>,
    pub key: Option<&'a [u8]>,
    /// `None` is a tombstone; an empty slice is an empty value.
    pub value: Option<&'a [u8]>,
    pub headers: &'a [(&'a str, &'a [u8])],
}

impl<'a> Record<'a> {
    /// Returns a record of partition 0 that has a place and a value, and nothing else.
    ///
    /// ```
    /// use txwarden::model::Record;
    ///
    /// let record = Record::new("payments", 17, b"{}");
    /// assert_eq!((record.partition, record.offset, record.kafka_ms), (0, 17, None));
    /// ```
    pub fn new(topic: &'a str, offset: i64, value: &'a [u8]) -> Self {
        Self { topic, offset, value: Some(value), ..Self::default() }
    }
}

/// Where a record's time came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stamp {
    /// The producer set it.
    Create,
    /// The broker set it when it appended the record.
    Append,
}
