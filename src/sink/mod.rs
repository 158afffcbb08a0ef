//! sink.
