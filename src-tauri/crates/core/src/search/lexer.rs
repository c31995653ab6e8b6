//! Cuts a filter into words, strings, numbers and signs. Where it matters for what
//! MLflow accepts, it cuts as MLflow's SQL tokeniser does.

use crate::error::{Error, Result};

/// The longest filter that is read, in bytes.
pub(super) const MAX_LENGTH: usize = 100_000;

/// A piece of the filter.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// First byte.
    pub(super) start: usize,
    /// Byte after the last.
    pub(super) end: usize,
}

/// What a piece is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// A field, a keyword or a bare value.
    Word(Word),
    /// A quoted text that no field owns; what stands between the quotes, untouched.
    Str(Quoted),
    /// A number, as written.
    Number,
    /// One of `= == != <> > >= < <=` and their misspellings.
    Sign,
    /// `(`
    Open,
    /// `)`
    Close,
    /// `,`
    Comma,
}

/// `loss`, `metrics.loss`, `` metrics.`val loss` ``.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Word {
    /// What stands before the first dot.
    pub(super) entity: Option<String>,
    /// What stands after it, without quotes.
    pub(super) key: String,
    /// Whether the key was quoted.
    pub(super) quoted: bool,
}

/// A quoted text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Quoted {
    /// Between the quotes, as written.
    pub(super) raw: String,
    /// `'`, `"` or `` ` ``.
    pub(super) quote: char,
    /// `E'…'`: backslashes escape.
    pub(super) escaped: bool,
}

impl Quoted {
    /// The text with Python's escapes undone, as MLflow reads list items, or with
    /// nothing undone for a plain one outside of lists.
    pub(super) fn text(&self, in_list: bool) -> String {
        if !(in_list || self.escaped) {
            return self.raw.clone();
        }
        let mut text = String::with_capacity(self.raw.len());
        let mut chars = self.raw.chars();
        while let Some(c) = chars.next() {
            match c {
                '\\' => unescape(&mut chars, &mut text),
                // Two quotes end one Python string and start the next.
                c if c == self.quote => {
                    chars.next();
                }
                c => text.push(c),
            }
        }
        text
    }
}

/// Undoes the escape after a backslash; one that is not known stays as written.
fn unescape(chars: &mut std::str::Chars<'_>, text: &mut String) {
    let Some(c) = chars.next() else {
        text.push('\\');
        return;
    };
    match c {
        'n' => text.push('\n'),
        't' => text.push('\t'),
        'r' => text.push('\r'),
        '\\' | '\'' | '"' => text.push(c),
        '\n' => {}
        'x' | 'u' | 'U' => {
            let digits = match c {
                'x' => 2,
                'u' => 4,
                _ => 8,
            };
            let rest = chars.as_str();
            let code = rest.get(..digits).filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
            match code.and_then(|hex| u32::from_str_radix(hex, 16).ok()).and_then(char::from_u32) {
                Some(found) => {
                    text.push(found);
                    *chars = rest[digits..].chars();
                }
                None => text.extend(['\\', c]),
            }
        }
        c => text.extend(['\\', c]),
    }
}

/// Whether a character can stand in an unquoted word before the first dot.
pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether a character can stand in an unquoted key: more than in MLflow, which wants
/// `val/loss` quoted.
fn is_key(c: char) -> bool {
    is_word(c) || matches!(c, '.' | '-' | '/' | ':' | '$')
}

/// What stands between an entity and a key of its own, which may be quoted alone.
const PATHS: [(&str, &str); 3] =
    [("span", "attributes."), ("trace", "tag."), ("trace", "metadata.")];

/// The number of characters before byte `byte`, which is what errors tell.
pub(super) fn position(input: &str, byte: usize) -> usize {
    input.char_indices().take_while(|(index, _)| *index < byte).count()
}

/// Cuts `input` into tokens.
pub(super) fn lex(input: &str) -> Result<Vec<Token>> {
    if input.len() > MAX_LENGTH {
        return Err(Error::invalid(format!(
            "The filter is {} bytes long; at most {MAX_LENGTH} are read.",
            input.len()
        ))
        .at(position(input, MAX_LENGTH)));
    }
    let mut lexer = Lexer { input, at: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip(char::is_whitespace);
        let start = lexer.at;
        let Some(kind) = lexer.next()? else { return Ok(tokens) };
        tokens.push(Token { kind, start, end: lexer.at });
    }
}

struct Lexer<'a> {
    input: &'a str,
    at: usize,
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.input[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip(&mut self, keep: impl Fn(char) -> bool) {
        let rest = self.rest();
        self.at += rest.find(|c| !keep(c)).unwrap_or(rest.len());
    }

    fn next(&mut self) -> Result<Option<Kind>> {
        let Some(c) = self.peek() else { return Ok(None) };
        let kind = match c {
            '(' => self.single(Kind::Open),
            ')' => self.single(Kind::Close),
            ',' => self.single(Kind::Comma),
            '<' | '>' | '=' | '!' | '~' => {
                self.skip(|c| matches!(c, '<' | '>' | '=' | '!' | '~'));
                Kind::Sign
            }
            '\'' | '"' => Kind::Str(self.quoted(c)?),
            '`' => self.backticked()?,
            'E' | 'e' if self.rest()[1..].starts_with('\'') => {
                self.at += 1;
                Kind::Str(self.escaped()?)
            }
            c if c.is_ascii_digit() || matches!(c, '.' | '-' | '+') => self.number()?,
            c if is_word(c) => self.word()?,
            ';' if !self.rest()[1..].trim().is_empty() => {
                return Err(self.fail(format!(
                    "Search filter contained multiple expression '{}'. Provide AND-ed expression list.",
                    excerpt(self.input)
                )));
            }
            _ => return Err(self.stray()),
        };
        Ok(Some(kind))
    }

    fn fail(&self, message: String) -> Error {
        Error::invalid(message).at(position(self.input, self.at))
    }

    /// What stands here begins nothing.
    fn stray(&self) -> Error {
        let text: String =
            self.rest().chars().take_while(|c| !c.is_whitespace()).take(20).collect();
        self.fail(format!("Invalid clause(s) in filter string: '{text}'"))
    }

    fn single(&mut self, kind: Kind) -> Kind {
        self.at += 1;
        kind
    }

    /// From the opening quote to the closing one. A doubled quote, and inside ' and "
    /// one after a backslash, does not close, unless nothing else does.
    fn quoted(&mut self, quote: char) -> Result<Quoted> {
        let start = self.at + 1;
        let bytes = self.input.as_bytes();
        let sign = quote as u8;
        let mut fallback = None;
        let mut at = start;
        let end = loop {
            match bytes.get(at) {
                None => break fallback,
                Some(&byte) if byte == sign => {
                    if bytes.get(at + 1) != Some(&sign) {
                        break Some(at);
                    }
                    fallback = Some(at);
                    at += 2;
                }
                Some(b'\\') if quote != '`' && bytes.get(at + 1) == Some(&sign) => {
                    fallback = Some(at + 1);
                    at += 2;
                }
                Some(_) => at += 1,
            }
        };
        let end = end.ok_or_else(|| self.unclosed(quote))?;
        let raw = self.input[start..end].to_owned();
        self.at = end + 1;
        Ok(Quoted { raw, quote, escaped: false })
    }

    /// The quoted part of `E'…'`, where a backslash always escapes.
    fn escaped(&mut self) -> Result<Quoted> {
        let start = self.at + 1;
        let mut at = start;
        let bytes = self.input.as_bytes();
        loop {
            match bytes.get(at) {
                None => return Err(self.unclosed('\'')),
                Some(b'\'') => break,
                Some(b'\\') => at += 2,
                Some(_) => at += 1,
            }
        }
        let raw = self.input[start..at].to_owned();
        self.at = at + 1;
        Ok(Quoted { raw, quote: '\'', escaped: true })
    }

    fn unclosed(&self, quote: char) -> Error {
        self.fail(format!("Invalid clause(s) in filter string: the quote {quote} is never closed."))
    }

    /// A word that starts with a backtick: a key, or an entity before a dot.
    fn backticked(&mut self) -> Result<Kind> {
        let name = self.quoted('`')?.raw;
        if self.peek() != Some('.') {
            return Ok(Kind::Word(Word { entity: None, key: name, quoted: true }));
        }
        self.at += 1;
        self.key(name)
    }

    fn word(&mut self) -> Result<Kind> {
        let start = self.at;
        self.skip(|c| is_key(c) && c != '.');
        let name = self.input[start..self.at].to_owned();
        if self.peek() != Some('.') {
            return Ok(Kind::Word(Word { entity: None, key: name, quoted: false }));
        }
        self.at += 1;
        self.key(name)
    }

    /// What stands after `entity.`.
    fn key(&mut self, entity: String) -> Result<Kind> {
        match self.peek() {
            Some(quote @ ('`' | '"' | '\'')) => {
                let key = self.quoted(quote)?.raw;
                Ok(Kind::Word(Word { entity: Some(entity), key, quoted: true }))
            }
            Some('E') if self.rest()[1..].starts_with('\'') => {
                self.at += 1;
                let key = self.escaped()?.text(false);
                Ok(Kind::Word(Word { entity: Some(entity), key, quoted: true }))
            }
            Some(c) if is_key(c) => {
                let start = self.at;
                self.skip(is_key);
                let mut key = self.input[start..self.at].to_owned();
                let Some(quote @ ('`' | '"' | '\'')) = self.peek() else {
                    return Ok(Kind::Word(Word { entity: Some(entity), key, quoted: false }));
                };
                if !PATHS.contains(&(entity.as_str(), key.as_str())) {
                    return Err(self.fail(format!(
                        "Invalid clause(s) in filter string: quote the whole key after '{}.', not a part of it.",
                        entity
                    )));
                }
                key.push_str(&self.quoted(quote)?.raw);
                Ok(Kind::Word(Word { entity: Some(entity), key, quoted: true }))
            }
            _ => Err(self.fail(format!(
                "Invalid clause(s) in filter string: '{}.' names no key. A key with spaces is \
                 written in backticks.",
                entity
            ))),
        }
    }

    fn number(&mut self) -> Result<Kind> {
        let start = self.at;
        let bytes = self.input.as_bytes();
        let digits = |mut at: usize| {
            while bytes.get(at).is_some_and(u8::is_ascii_digit) {
                at += 1;
            }
            at
        };
        let mut at = start + usize::from(matches!(bytes[start], b'-' | b'+'));
        let whole = digits(at);
        let mut count = whole - at;
        at = whole;
        if bytes.get(at) == Some(&b'.') {
            let end = digits(at + 1);
            count += end - at - 1;
            at = end;
        }
        if count > 0 && matches!(bytes.get(at), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(at + 1), Some(b'-' | b'+')));
            let end = digits(at + 1 + sign);
            if end > at + 1 + sign {
                at = end;
            }
        }
        if count == 0 {
            return Err(self.stray());
        }
        self.at = at;
        let Some(next) = self.peek() else { return Ok(Kind::Number) };
        if is_word(next) || next == '.' {
            // `1and`, `1_000`, `0x10`: what it should have been is for the reader to say.
            self.skip(is_key);
            let key = self.input[start..self.at].to_owned();
            return Ok(Kind::Word(Word { entity: None, key, quoted: false }));
        }
        Ok(Kind::Number)
    }
}

/// The start of a text, for a message.
pub(super) fn excerpt(text: &str) -> String {
    const LONGEST: usize = 200;
    match text.char_indices().nth(LONGEST) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
