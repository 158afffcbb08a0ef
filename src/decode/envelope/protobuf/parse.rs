//! A `.proto` as its messages and enums; services, options and extensions are stepped over.
//!
//! # Source
//! Protocol Buffers language specifications of proto2, proto3 and editions.

use super::token::Token;

/// Nesting of messages.
const DEPTH_MAX: usize = 32;

/// What a file defines at its top level.
#[derive(Debug, Default)]
pub(super) struct ProtoFile {
    pub package: String,
    /// Whether a field without a label is zero when it is absent.
    pub is_implicit: bool,
    pub messages: Vec<ParsedMessage>,
    pub enums: Vec<Enum>,
}

#[derive(Debug, Default)]
pub(super) struct ParsedMessage {
    pub name: String,
    pub fields: Vec<ParsedField>,
    pub messages: Vec<ParsedMessage>,
    pub enums: Vec<Enum>,
}

#[derive(Debug)]
pub(super) struct Enum {
    pub name: String,
    pub values: Vec<(i32, String)>,
}

#[derive(Debug)]
pub(super) struct ParsedField {
    pub name: String,
    pub number: u32,
    pub type_name: String,
    /// Of a map; `type_name` is that of its values.
    pub key: Option<String>,
    pub is_repeated: bool,
    /// Whether absence can be told from zero.
    pub has_presence: bool,
}

type ParsedProto<T> = Result<T, &'static str>;

/// Reads the tokens of a file.
pub(super) struct ProtoParser {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    is_implicit: bool,
}

impl ProtoParser {
    pub fn new(tokens: Vec<Token>) -> Self {
        Self { tokens: tokens.into_iter().peekable(), is_implicit: false }
    }

    pub fn file(mut self) -> ParsedProto<ProtoFile> {
        let mut file = ProtoFile::default();
        while let Some(token) = self.tokens.next() {
            let Token::Word(word) = token else {
                if token == Token::Sign(';') {
                    continue;
                }
                return Err("a statement that is no word");
            };
            match word.as_str() {
                "syntax" => {
                    self.sign('=')?;
                    self.is_implicit = self.quoted()? == "proto3";
                    self.sign(';')?;
                }
                "package" => {
                    file.package = self.word()?;
                    self.sign(';')?;
                }
                "message" => file.messages.push(self.message(0)?),
                "enum" => file.enums.push(self.enumeration()?),
                "edition" | "import" | "option" | "service" | "extend" => self.skip()?,
                _ => return Err("an unknown statement"),
            }
        }
        file.is_implicit = self.is_implicit;
        Ok(file)
    }

    fn message(&mut self, depth: usize) -> ParsedProto<ParsedMessage> {
        if depth > DEPTH_MAX {
            return Err("messages nested too deeply");
        }
        let mut message = ParsedMessage { name: self.word()?, ..ParsedMessage::default() };
        self.sign('{')?;
        loop {
            match self.tokens.next() {
                Some(Token::Sign('}')) => return Ok(message),
                Some(Token::Sign(';')) => {}
                Some(Token::Word(word)) => match word.as_str() {
                    "message" => message.messages.push(self.message(depth + 1)?),
                    "enum" => message.enums.push(self.enumeration()?),
                    "oneof" => self.oneof(&mut message.fields)?,
                    "option" | "reserved" | "extensions" | "extend" => self.skip()?,
                    _ => message.fields.push(self.field(word)?),
                },
                _ => return Err("a message that does not end"),
            }
        }
    }

    fn oneof(&mut self, fields: &mut Vec<ParsedField>) -> ParsedProto<()> {
        self.word()?;
        self.sign('{')?;
        loop {
            match self.tokens.next() {
                Some(Token::Sign('}')) => return Ok(()),
                Some(Token::Sign(';')) => {}
                Some(Token::Word(word)) if word == "option" => self.skip()?,
                Some(Token::Word(word)) => {
                    let field = self.field(word)?;
                    fields.push(ParsedField { has_presence: true, ..field });
                }
                _ => return Err("a oneof that does not end"),
            }
        }
    }

    /// Reads a field whose first word was taken.
    fn field(&mut self, first: String) -> ParsedProto<ParsedField> {
        let label = matches!(first.as_str(), "optional" | "required" | "repeated");
        let is_repeated = first == "repeated";
        let has_presence = label || !self.is_implicit;
        let mut type_name = if label { self.word()? } else { first };
        let mut key = None;
        if type_name == "group" {
            return Err("a group");
        }
        if type_name == "map" && self.tokens.peek() == Some(&Token::Sign('<')) {
            self.sign('<')?;
            key = Some(self.word()?);
            self.sign(',')?;
            type_name = self.word()?;
            self.sign('>')?;
        }
        let name = self.word()?;
        self.sign('=')?;
        let Some(Token::Number(number)) = self.tokens.next() else {
            return Err("a field without a number");
        };
        let number = u32::try_from(number).map_err(|_| "a field number that cannot be")?;
        self.skip()?;
        Ok(ParsedField { name, number, type_name, key, is_repeated, has_presence })
    }

    fn enumeration(&mut self) -> ParsedProto<Enum> {
        let (name, mut values) = (self.word()?, Vec::new());
        self.sign('{')?;
        loop {
            match self.tokens.next() {
                Some(Token::Sign('}')) => return Ok(Enum { name, values }),
                Some(Token::Sign(';')) => {}
                Some(Token::Word(word)) if word == "option" || word == "reserved" => self.skip()?,
                Some(Token::Word(name)) => {
                    self.sign('=')?;
                    let is_negative = self.tokens.next_if_eq(&Token::Sign('-')).is_some();
                    let Some(Token::Number(n)) = self.tokens.next() else {
                        return Err("an enum value without a number");
                    };
                    let n = if is_negative { -n } else { n };
                    let n = i32::try_from(n).map_err(|_| "an enum value that cannot be")?;
                    values.push((n, name));
                    self.skip()?;
                }
                _ => return Err("an enum that does not end"),
            }
        }
    }

    /// Steps over the rest of a statement: to its semicolon, or its block and what is in it.
    fn skip(&mut self) -> ParsedProto<()> {
        let (mut depth, mut is_in_option) = (0usize, false);
        for token in self.tokens.by_ref() {
            match token {
                Token::Sign(';') if depth == 0 => return Ok(()),
                Token::Sign('=') if depth == 0 => is_in_option = true,
                Token::Sign('{' | '[') => depth += 1,
                Token::Sign('}' | ']') if depth == 0 => {
                    return Err("a bracket that closes nothing");
                }
                Token::Sign(closing @ ('}' | ']')) => {
                    depth -= 1;
                    // A block ends a statement, an option's value does not.
                    if depth == 0 && closing == '}' && !is_in_option {
                        return Ok(());
                    }
                }
                _ => {}
            }
        }
        Err("a statement that does not end")
    }

    fn word(&mut self) -> ParsedProto<String> {
        match self.tokens.next() {
            Some(Token::Word(word)) => Ok(word),
            _ => Err("a name is missing"),
        }
    }

    fn quoted(&mut self) -> ParsedProto<String> {
        match self.tokens.next() {
            Some(Token::Quoted(text)) => Ok(text),
            _ => Err("a text is missing"),
        }
    }

    fn sign(&mut self, sign: char) -> ParsedProto<()> {
        match self.tokens.next() {
            Some(Token::Sign(found)) if found == sign => Ok(()),
            _ => Err("a sign is missing"),
        }
    }
}
