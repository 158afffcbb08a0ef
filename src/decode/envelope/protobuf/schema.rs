//! A `.proto` with all its names resolved: messages and enums by position.

use super::{
    builtin,
    parse::{self, ProtoFile, ProtoParser},
    token::tokens,
};
use crate::decode::envelope::schemas::{SchemaError, SchemaText};
use std::collections::BTreeMap;

/// Messages and enums of one schema with all that it imports.
const TYPES_MAX: usize = 10_000;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Type {
    Double,
    Float,
    Int32,
    Int64,
    Uint32,
    Uint64,
    Sint32,
    Sint64,
    Fixed32,
    Fixed64,
    Sfixed32,
    Sfixed64,
    Bool,
    Text,
    Bytes,
    Message(usize),
    Enum(usize),
}

#[derive(Clone, Debug)]
pub(super) struct ProtoField {
    pub number: u32,
    pub name: String,
    pub kind: Type,
    pub is_repeated: bool,
    /// Of a map, the type of its keys.
    pub key: Option<Type>,
    pub has_presence: bool,
}

/// The fields of a message by number.
#[derive(Clone, Debug, Default)]
pub(super) struct ProtoMessage {
    pub fields: Vec<ProtoField>,
    pub is_decimal: bool,
    /// Positions of the messages in it, in order of declaration.
    nested: Vec<usize>,
}

/// A schema as tables.
#[derive(Clone, Debug, Default)]
pub(in crate::decode::envelope) struct ProtoSchema {
    messages: Vec<ProtoMessage>,
    enums: Vec<Vec<(i32, String)>>,
    /// The messages of the file itself, in order of declaration.
    top: Vec<usize>,
}

impl ProtoSchema {
    /// Reads a file and what it imports.
    pub fn parse(text: &SchemaText) -> Result<Self, SchemaError> {
        let wrong = |name: &str, what: &str| {
            SchemaError(format!("the Protobuf schema cannot be used: {name}{what}"))
        };
        let read = |text: &str| tokens(text).and_then(|tokens| ProtoParser::new(tokens).file());
        let mut files = vec![read(builtin::TEXT).map_err(|what| wrong("", what))?];
        for (name, text) in &text.resolved {
            files.push(read(text).map_err(|what| wrong(&format!("{name}: "), what))?);
        }
        files.push(read(&text.text).map_err(|what| wrong("", what))?);
        let mut builder = SchemaBuilder::default();
        let mut tops = Vec::new();
        for file in &files {
            tops.push(builder.declare_file(file).map_err(|what| wrong("", &what))?);
        }
        for (file, top) in files.iter().zip(&tops) {
            let all = file.messages.iter().zip(top);
            for (message, &at) in all {
                let scope = joined(&file.package, &message.name);
                builder.define(message, at, &scope).map_err(|what| wrong("", &what))?;
            }
        }
        builder.schema.top = tops.pop().unwrap_or_default();
        Ok(builder.schema)
    }

    /// Finds a message by its path of positions.
    pub(super) fn find(&self, path: &[usize]) -> Option<usize> {
        let (first, rest) = path.split_first()?;
        let top = *self.top.get(*first)?;
        rest.iter().try_fold(top, |at, i| self.messages[at].nested.get(*i).copied())
    }

    pub(super) fn message(&self, at: usize) -> &ProtoMessage {
        &self.messages[at]
    }

    /// Returns the name of an enum's value.
    pub(super) fn symbol(&self, at: usize, value: i32) -> Option<&str> {
        let values = &self.enums[at];
        values.iter().find(|(n, _)| *n == value).map(|(_, name)| name.as_str())
    }
}

fn joined(scope: &str, name: &str) -> String {
    if scope.is_empty() { name.to_owned() } else { format!("{scope}.{name}") }
}

#[derive(Default)]
struct SchemaBuilder {
    schema: ProtoSchema,
    names: BTreeMap<String, Type>,
}

impl SchemaBuilder {
    /// Gives every message and enum of a file its position.
    fn declare_file(&mut self, file: &ProtoFile) -> Result<Vec<usize>, String> {
        file.enums.iter().try_for_each(|one| self.declare_enum(one, &file.package))?;
        file.messages.iter().map(|message| self.declare(message, &file.package)).collect()
    }

    fn declare(&mut self, message: &parse::ParsedMessage, scope: &str) -> Result<usize, String> {
        let at = self.schema.messages.len();
        let full = joined(scope, &message.name);
        let is_decimal = full == builtin::DECIMAL;
        self.schema.messages.push(ProtoMessage { is_decimal, ..ProtoMessage::default() });
        self.name(full.clone(), Type::Message(at))?;
        message.enums.iter().try_for_each(|one| self.declare_enum(one, &full))?;
        let nested: Result<Vec<_>, _> =
            message.messages.iter().map(|inner| self.declare(inner, &full)).collect();
        self.schema.messages[at].nested = nested?;
        Ok(at)
    }

    fn declare_enum(&mut self, one: &parse::Enum, scope: &str) -> Result<(), String> {
        let at = self.schema.enums.len();
        self.schema.enums.push(one.values.clone());
        self.name(joined(scope, &one.name), Type::Enum(at))
    }

    fn name(&mut self, full: String, kind: Type) -> Result<(), String> {
        if self.names.len() >= TYPES_MAX {
            return Err("too many types".to_owned());
        }
        // A registry may well store a file that is also built in: the later one counts.
        self.names.insert(full, kind);
        Ok(())
    }

    /// Gives a declared message its fields.
    fn define(
        &mut self,
        message: &parse::ParsedMessage,
        at: usize,
        scope: &str,
    ) -> Result<(), String> {
        let mut fields = Vec::with_capacity(message.fields.len());
        for field in &message.fields {
            let kind = self.resolve(&field.type_name, scope)?;
            let key = field.key.as_ref().map(|key| self.resolve(key, scope)).transpose()?;
            fields.push(ProtoField {
                number: field.number,
                name: field.name.clone(),
                kind,
                is_repeated: field.is_repeated,
                key,
                has_presence: field.has_presence || matches!(kind, Type::Message(_)),
            });
        }
        fields.sort_by_key(|field| field.number);
        if fields.windows(2).any(|pair| pair[0].number == pair[1].number) {
            return Err(format!("two fields of {scope} have one number"));
        }
        self.schema.messages[at].fields = fields;
        let nested = self.schema.messages[at].nested.clone();
        for (inner, at) in message.messages.iter().zip(nested) {
            self.define(inner, at, &joined(scope, &inner.name))?;
        }
        Ok(())
    }

    /// Looks a name up from the innermost scope outward.
    fn resolve(&self, name: &str, scope: &str) -> Result<Type, String> {
        if let Some(scalar) = scalar(name) {
            return Ok(scalar);
        }
        if let Some(full) = name.strip_prefix('.') {
            return self.names.get(full).copied().ok_or_else(|| unknown(name));
        }
        let mut scope = scope;
        loop {
            if let Some(kind) = self.names.get(&joined(scope, name)) {
                return Ok(*kind);
            }
            match scope.rsplit_once('.') {
                Some((outer, _)) => scope = outer,
                None if scope.is_empty() => return Err(unknown(name)),
                None => scope = "",
            }
        }
    }
}

fn unknown(name: &str) -> String {
    let shown: String = name.chars().take(48).collect();
    format!("type {shown} is not defined")
}

fn scalar(name: &str) -> Option<Type> {
    Some(match name {
        "double" => Type::Double,
        "float" => Type::Float,
        "int32" => Type::Int32,
        "int64" => Type::Int64,
        "uint32" => Type::Uint32,
        "uint64" => Type::Uint64,
        "sint32" => Type::Sint32,
        "sint64" => Type::Sint64,
        "fixed32" => Type::Fixed32,
        "fixed64" => Type::Fixed64,
        "sfixed32" => Type::Sfixed32,
        "sfixed64" => Type::Sfixed64,
        "bool" => Type::Bool,
        "string" => Type::Text,
        "bytes" => Type::Bytes,
        _ => return None,
    })
}
