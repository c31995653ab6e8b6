//! Reads tokens into a tree: OR under AND under NOT under parentheses.

use super::field::{Field, Path, Type};
use super::lexer::{Kind, Token, Word, excerpt, lex, position};
use super::tree::{Condition, Expr, Literal, MetricAgg, Op};
use super::value;
use crate::error::{Error, Result};

/// How deep parentheses and NOT may nest.
pub(super) const MAX_NESTING: usize = 100;
/// How many comparisons a filter may hold.
pub(super) const MAX_CONDITIONS: usize = 500;

/// Reads a filter; `None` when nothing is asked.
pub(super) fn parse_filter<F: Field>(input: &str) -> Result<Option<Expr<F>>> {
    let mut parser = Parser::new(input)?;
    // MLflow overlooks an AND before the first and after the last comparison.
    parser.skip_ands();
    if parser.peek().is_none() {
        return Ok(None);
    }
    let expr = parser.any()?;
    match parser.peek() {
        None => Ok(Some(expr)),
        Some(_) => Err(parser.stray()),
    }
}

pub(super) struct Parser<'a> {
    input: &'a str,
    pub(super) tokens: Vec<Token>,
    pub(super) at: usize,
    depth: usize,
    conditions: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(input: &'a str) -> Result<Self> {
        Ok(Self { input, tokens: lex(input)?, at: 0, depth: 0, conditions: 0 })
    }

    pub(super) fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn kind(&self) -> Option<&Kind> {
        self.peek().map(|token| &token.kind)
    }

    fn take_if(&mut self, kind: &Kind) -> bool {
        let found = self.kind() == Some(kind);
        self.at += usize::from(found);
        found
    }

    /// The unquoted word here in capitals.
    pub(super) fn keyword(&self) -> Option<String> {
        self.keyword_at(self.at)
    }

    fn keyword_at(&self, at: usize) -> Option<String> {
        match self.tokens.get(at).map(|token| &token.kind) {
            Some(Kind::Word(Word { entity: None, key, quoted: false })) => {
                Some(key.to_ascii_uppercase())
            }
            _ => None,
        }
    }

    fn take_keyword(&mut self, word: &str) -> bool {
        let found = self.keyword().as_deref() == Some(word);
        self.at += usize::from(found);
        found
    }

    fn skip_ands(&mut self) -> bool {
        let start = self.at;
        while self.take_keyword("AND") {}
        self.at > start
    }

    /// The character where reading stands.
    pub(super) fn here(&self) -> usize {
        self.place(self.at)
    }

    /// The character where token `at` starts.
    fn place(&self, at: usize) -> usize {
        position(self.input, self.tokens.get(at).map_or(self.input.len(), |token| token.start))
    }

    fn text(&self, token: &Token) -> &'a str {
        &self.input[token.start..token.end]
    }

    fn fail(&self, message: impl Into<String>) -> Error {
        Error::invalid(message).at(self.here())
    }

    /// What stands here does not belong here.
    fn stray(&self) -> Error {
        match self.peek() {
            Some(token) => self.fail(format!(
                "Invalid clause(s) in filter string: '{}'",
                excerpt(self.text(token))
            )),
            None => self.fail("Invalid clause(s) in filter string: it ends too early."),
        }
    }

    fn any<F: Field>(&mut self) -> Result<Expr<F>> {
        let mut parts = vec![self.all()?];
        while self.take_keyword("OR") {
            parts.push(self.all()?);
        }
        Ok(joined(parts, Expr::Or))
    }

    fn all<F: Field>(&mut self) -> Result<Expr<F>> {
        let mut parts = vec![self.one()?];
        loop {
            let and = self.skip_ands();
            if and && self.peek().is_none() && self.depth == 0 {
                break;
            }
            // MLflow also reads comparisons that follow each other without AND.
            let next = match self.kind() {
                Some(Kind::Word(_) | Kind::Str(_)) => self.keyword().as_deref() != Some("OR"),
                _ => false,
            };
            if !and && !next {
                break;
            }
            parts.push(self.one()?);
        }
        Ok(joined(parts, Expr::And))
    }

    fn one<F: Field>(&mut self) -> Result<Expr<F>> {
        let negated = self.keyword().as_deref() == Some("NOT");
        if !negated && self.kind() != Some(&Kind::Open) {
            return self.condition();
        }
        if self.depth == MAX_NESTING {
            return Err(self.fail(format!(
                "The filter nests deeper than {MAX_NESTING} levels of parentheses and NOT."
            )));
        }
        self.depth += 1;
        self.at += 1;
        let expr = if negated {
            Expr::Not(Box::new(self.one()?))
        } else {
            let inner = self.any()?;
            if !self.take_if(&Kind::Close) {
                return Err(match self.peek() {
                    Some(_) => self.stray(),
                    None => self
                        .fail("Invalid clause(s) in filter string: a parenthesis is never closed."),
                });
            }
            inner
        };
        self.depth -= 1;
        Ok(expr)
    }

    fn condition<F: Field>(&mut self) -> Result<Expr<F>> {
        self.conditions += 1;
        if self.conditions > MAX_CONDITIONS {
            return Err(
                self.fail(format!("The filter has more than {MAX_CONDITIONS} comparisons."))
            );
        }
        let start = self.at;
        let (word, agg) = self.field_word()?;
        if self.peek().is_none() || matches!(self.keyword().as_deref(), Some("AND" | "OR")) {
            let name = &word.key;
            return Err(Error::invalid(format!(
                "Invalid clause(s) in filter string: '{name}' is not compared with anything."
            ))
            .at(self.place(start)));
        }
        let field =
            F::resolve(&Path { word: &word, agg }).map_err(|error| error.at(self.place(start)))?;
        let at = self.at;
        let (op, negated) = self.operator(field.kind())?;
        if !matches!(op, Op::IsNull | Op::IsNotNull) && !field.kind().ops().contains(&op) {
            return Err(wrong_op(op.as_str(), field.kind()).at(self.place(at)));
        }
        let value = self.value::<F>(field.kind(), op)?;
        let condition = Expr::Cond(Condition { field, op, value });
        Ok(if negated { Expr::Not(Box::new(condition)) } else { condition })
    }

    /// `metrics.loss`, `"Created"`, `min(metrics.loss)`.
    pub(super) fn field_word(&mut self) -> Result<(Word, Option<MetricAgg>)> {
        let agg = match self.keyword().as_deref() {
            Some("MIN") => Some(MetricAgg::Min),
            Some("MAX") => Some(MetricAgg::Max),
            Some("MEAN" | "AVG") => Some(MetricAgg::Mean),
            Some("COUNT") => Some(MetricAgg::Count),
            _ => None,
        };
        let agg = agg
            .filter(|_| self.tokens.get(self.at + 1).is_some_and(|token| token.kind == Kind::Open));
        if agg.is_some() {
            self.at += 2;
        }
        let word = self.plain_field()?;
        if agg.is_some() && !self.take_if(&Kind::Close) {
            return Err(self.fail("Invalid clause(s) in filter string: ')' is missing."));
        }
        Ok((word, agg))
    }

    fn plain_field(&mut self) -> Result<Word> {
        let Some(token) = self.peek() else { return Err(self.stray()) };
        let word = match &token.kind {
            Kind::Word(word) => word.clone(),
            Kind::Str(quoted) if quoted.quote == '"' => {
                Word { entity: None, key: quoted.raw.clone(), quoted: true }
            }
            Kind::Str(_) | Kind::Number => {
                return Err(self.fail(format!(
                    "Invalid comparison clause. Expected 'Identifier' found '{}'",
                    excerpt(self.text(token))
                )));
            }
            _ => return Err(self.stray()),
        };
        self.at += 1;
        Ok(word)
    }

    /// The operator, and whether a NOT stood before LIKE, ILIKE or RLIKE.
    fn operator(&mut self, kind: Type) -> Result<(Op, bool)> {
        let Some(token) = self.peek() else { return Err(self.stray()) };
        let text = self.text(token);
        let (op, length, negated) = match (&token.kind, self.keyword().as_deref()) {
            (Kind::Sign, _) => match sign(text) {
                Some(op) => (op, 1, false),
                None => return Err(wrong_op(text, kind).at(self.here())),
            },
            (_, Some("LIKE")) => (Op::Like, 1, false),
            (_, Some("ILIKE")) => (Op::Ilike, 1, false),
            (_, Some("RLIKE")) => (Op::Rlike, 1, false),
            (_, Some("IN")) => (Op::In, 1, false),
            (_, Some(first @ ("NOT" | "IS"))) => {
                match (first, self.keyword_at(self.at + 1).as_deref()) {
                    ("NOT", Some("IN")) => (Op::NotIn, 2, false),
                    ("NOT", Some("LIKE")) => (Op::Like, 2, true),
                    ("NOT", Some("ILIKE")) => (Op::Ilike, 2, true),
                    ("NOT", Some("RLIKE")) => (Op::Rlike, 2, true),
                    ("IS", Some("NULL")) => (Op::IsNull, 2, false),
                    ("IS", Some("NOT"))
                        if self.keyword_at(self.at + 2).as_deref() == Some("NULL") =>
                    {
                        (Op::IsNotNull, 3, false)
                    }
                    _ => return Err(self.stray()),
                }
            }
            _ => return Err(self.stray()),
        };
        self.at += length;
        Ok((op, negated))
    }

    fn value<F: Field>(&mut self, kind: Type, op: Op) -> Result<Literal> {
        match op {
            Op::IsNull | Op::IsNotNull => Ok(Literal::None),
            Op::In | Op::NotIn => self.list(kind),
            _ => {
                let Some(token) = self.peek() else { return Err(self.stray()) };
                if token.kind == Kind::Open {
                    return Err(self.fail(format!(
                        "Invalid comparison clause. A list needs IN or NOT IN, not '{}'.",
                        op.as_str()
                    )));
                }
                let text = self.text(token);
                let value = value::scalar(kind, &token.kind, text, op, F::BARE_TEXT)
                    .map_err(|error| error.at(self.here()))?;
                self.at += 1;
                Ok(value)
            }
        }
    }

    /// `('a', "b")`; one more comma at the end does no harm, as in Python.
    fn list(&mut self, kind: Type) -> Result<Literal> {
        if !self.take_if(&Kind::Open) {
            return Err(match self.peek() {
                Some(token) => self.fail(format!(
                    "Invalid clause(s) in filter string: IN needs a list of quoted string values in parentheses, found '{}'",
                    excerpt(self.text(token))
                )),
                None => self.stray(),
            });
        }
        let mut items = Vec::new();
        while !self.take_if(&Kind::Close) {
            let token = self.peek().ok_or_else(|| self.fail(ILL_FORMED))?;
            let mut item = value::item(kind, &token.kind, self.text(token))
                .map_err(|error| error.at(self.here()))?;
            self.at += 1;
            // Python joins strings that follow each other.
            while let Some(Kind::Str(next)) = self.kind() {
                item.push_str(&next.text(true));
                self.at += 1;
            }
            items.push(value::checked_item(kind, item).map_err(|error| error.at(self.here()))?);
            if !self.take_if(&Kind::Comma) && self.kind() != Some(&Kind::Close) {
                return Err(self.fail(ILL_FORMED));
            }
        }
        if items.is_empty() {
            return Err(self.fail(
                "While parsing a list in the query, expected a non-empty list of string values, but got empty list",
            ));
        }
        Ok(Literal::List(items))
    }
}

const ILL_FORMED: &str = "While parsing a list in the query, expected a non-empty list of string values, but got ill-formed list.";

fn joined<F>(mut parts: Vec<Expr<F>>, join: fn(Vec<Expr<F>>) -> Expr<F>) -> Expr<F> {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            join(parts)
        }
        None => join(parts),
    }
}

fn sign(text: &str) -> Option<Op> {
    Some(match text {
        "=" => Op::Eq,
        "!=" => Op::Ne,
        ">" => Op::Gt,
        ">=" => Op::Ge,
        "<" => Op::Lt,
        "<=" => Op::Le,
        _ => return None,
    })
}

fn wrong_op(op: &str, kind: Type) -> Error {
    let valid: Vec<&str> = kind.ops().iter().map(|op| op.as_str()).collect();
    Error::invalid(format!(
        "Invalid comparator '{op}' not one of '{}, IS NULL, IS NOT NULL'",
        valid.join(", ")
    ))
}
