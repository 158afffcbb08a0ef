//! The messages that every compiler knows and no registry stores.

/// Their definitions, as far as they hold values that records carry.
pub(super) const TEXT: &str = r#"
syntax = "proto3";
message google { message protobuf {
  message Timestamp { int64 seconds = 1; int32 nanos = 2; }
  message Duration { int64 seconds = 1; int32 nanos = 2; }
  message Any { string type_url = 1; bytes value = 2; }
  message Empty {}
  message DoubleValue { double value = 1; }
  message FloatValue { float value = 1; }
  message Int64Value { int64 value = 1; }
  message UInt64Value { uint64 value = 1; }
  message Int32Value { int32 value = 1; }
  message UInt32Value { uint32 value = 1; }
  message BoolValue { bool value = 1; }
  message StringValue { string value = 1; }
  message BytesValue { bytes value = 1; }
} }
message confluent { message type {
  message Decimal { bytes value = 1; uint32 precision = 2; int32 scale = 3; }
} }
"#;

/// The message that is a decimal: units in two's complement, and a scale.
pub(super) const DECIMAL: &str = "confluent.type.Decimal";
