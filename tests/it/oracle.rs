//! Tests of oracle.
