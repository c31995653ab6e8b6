//! Searching, the same for every entity: a domain filter becomes SQL, a page is read by
//! key (never by offset), and the next page's token holds the sort values of the last row.

use crate::error::StoreResult;
use crate::tx::View;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use branchline_core::Error;
use branchline_core::name::truncate_chars;
use branchline_core::search::{Condition, Expr, Literal, Op};
use rusqlite::types::Value;
use rusqlite::{Row, params_from_iter};
use std::hash::{DefaultHasher, Hash, Hasher};

/// One page of ids or rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchPage<T> {
    /// In the asked order.
    pub items: Vec<T>,
    /// Absent on the last page.
    pub next_page_token: Option<String>,
}

/// SQL text with its values, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sql {
    pub(crate) text: String,
    pub(crate) values: Vec<Value>,
}

impl Sql {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), values: Vec::new() }
    }

    pub(crate) fn with(text: impl Into<String>, values: impl IntoIterator<Item = Value>) -> Self {
        Self { text: text.into(), values: values.into_iter().collect() }
    }

    pub(crate) fn push(&mut self, other: Self) {
        self.text.push_str(&other.text);
        self.values.extend(other.values);
    }

    pub(crate) fn push_str(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// `(a AND b)`; of nothing, nothing that SQL can read.
    pub(crate) fn joined(parts: Vec<Self>, separator: &str) -> Self {
        let mut all = Self::new("(");
        for (i, part) in parts.into_iter().enumerate() {
            if i > 0 {
                all.push_str(separator);
            }
            all.push(part);
        }
        all.push_str(")");
        all
    }
}

/// Never true.
pub(crate) fn never() -> Sql {
    Sql::new("0")
}

/// A filter's tree as SQL; `condition` knows the entity's fields.
pub(crate) fn compile<F>(
    expr: &Expr<F>,
    condition: &mut dyn FnMut(&Condition<F>) -> StoreResult<Sql>,
) -> StoreResult<Sql> {
    Ok(match expr {
        Expr::And(parts) => {
            let parts = parts.iter().map(|part| compile(part, condition));
            Sql::joined(parts.collect::<StoreResult<_>>()?, " AND ")
        }
        Expr::Or(parts) => {
            let parts = parts.iter().map(|part| compile(part, condition));
            Sql::joined(parts.collect::<StoreResult<_>>()?, " OR ")
        }
        Expr::Not(inner) => {
            // A comparison with something absent is unknown; its negation holds.
            let mut sql = Sql::new("NOT coalesce(");
            sql.push(compile(inner, condition)?);
            sql.push_str(", 0)");
            sql
        }
        Expr::Cond(inner) => condition(inner)?,
    })
}

/// `column op literal`.
pub(crate) fn compare(column: &str, op: Op, literal: &Literal) -> Sql {
    let value = || match literal {
        Literal::Integer(n) => Value::Integer(*n),
        Literal::Number(x) => Value::Real(*x),
        Literal::Text(t) => Value::Text(t.clone()),
        Literal::None | Literal::List(_) => Value::Null,
    };
    let list = |negated: &str| {
        let Literal::List(items) = literal else { return never() };
        let marks = vec!["?"; items.len()].join(", ");
        Sql::with(format!("{column} {negated}IN ({marks})"), items.iter().cloned().map(Value::Text))
    };
    match op {
        Op::Eq => Sql::with(format!("{column} = ?"), [value()]),
        Op::Ne => Sql::with(format!("{column} <> ?"), [value()]),
        Op::Gt => Sql::with(format!("{column} > ?"), [value()]),
        Op::Ge => Sql::with(format!("{column} >= ?"), [value()]),
        Op::Lt => Sql::with(format!("{column} < ?"), [value()]),
        Op::Le => Sql::with(format!("{column} <= ?"), [value()]),
        Op::Like => Sql::with(format!("{column} LIKE ?"), [value()]),
        Op::Ilike => Sql::with(format!("lower({column}) LIKE lower(?)"), [value()]),
        Op::Rlike => Sql::with(format!("{column} REGEXP ?"), [value()]),
        Op::In => list(""),
        Op::NotIn => list("NOT "),
        Op::IsNull => Sql::new(format!("{column} IS NULL")),
        Op::IsNotNull => Sql::new(format!("{column} IS NOT NULL")),
    }
}

/// `column op literal` of a column that has values of its own.
pub(crate) fn compare_sql(column: Sql, op: Op, literal: &Literal) -> Sql {
    let mut sql = compare(&column.text, op, literal);
    sql.values.splice(0..0, column.values);
    sql
}

/// One part of the order: an expression that is never NULL.
#[derive(Debug, Clone)]
pub(crate) struct Term {
    pub(crate) sql: Sql,
    pub(crate) descending: bool,
}

impl Term {
    pub(crate) fn new(sql: impl Into<String>, descending: bool) -> Self {
        Self { sql: Sql::new(sql), descending }
    }

    /// A column that may be NULL: present values first whatever the direction.
    pub(crate) fn nulls_last(column: &str, absent: &str, descending: bool) -> [Self; 2] {
        [
            Self::new(format!("({column} IS NULL)"), false),
            Self::new(format!("coalesce({column}, {absent})"), descending),
        ]
    }
}

/// A search over one source: `SELECT columns FROM source WHERE filter ORDER BY terms`.
pub(crate) struct Select {
    pub(crate) columns: &'static str,
    pub(crate) source: Sql,
    pub(crate) filter: Vec<Sql>,
    pub(crate) terms: Vec<Term>,
}

impl Select {
    /// The statement that reads `limit` rows after the row whose sort values are `after`.
    /// The sort values follow the columns.
    pub(crate) fn statement(&self, after: Option<&[Value]>, limit: usize) -> Sql {
        let mut sql = Sql::new(format!("SELECT {}", self.columns));
        for term in &self.terms {
            sql.push_str(", ");
            sql.push(term.sql.clone());
        }
        sql.push_str(" FROM ");
        sql.push(self.source.clone());
        sql.push_str(" WHERE 1");
        for part in &self.filter {
            sql.push_str(" AND ");
            sql.push(part.clone());
        }
        if let Some(after) = after {
            sql.push_str(" AND ");
            sql.push(self.beyond(after));
        }
        sql.push_str(" ORDER BY ");
        for (i, term) in self.terms.iter().enumerate() {
            if i > 0 {
                sql.push_str(", ");
            }
            sql.push(term.sql.clone());
            sql.push_str(if term.descending { " DESC" } else { " ASC" });
        }
        sql.push_str(&format!(" LIMIT {limit}"));
        sql
    }

    /// Rows after `after` in the order. The bound on the first term alone is implied by
    /// the rest; it is there so that an index can start at the right place.
    fn beyond(&self, after: &[Value]) -> Sql {
        let Some(first) = self.terms.first() else { return never() };
        let mut sql = Sql::new("(");
        sql.push(first.sql.clone());
        sql.push(Sql::with(
            if first.descending { " <= ?" } else { " >= ?" },
            after.first().cloned(),
        ));
        sql.push_str(" AND (");
        for (i, term) in self.terms.iter().enumerate() {
            if i > 0 {
                sql.push_str(" OR ");
            }
            sql.push_str("(");
            for (equal, value) in self.terms.iter().zip(after).take(i) {
                sql.push(equal.sql.clone());
                sql.push(Sql::with(" = ? AND ", [value.clone()]));
            }
            sql.push(term.sql.clone());
            let sign = if term.descending { " < ?" } else { " > ?" };
            sql.push(Sql::with(sign, after.get(i).cloned()));
            sql.push_str(")");
        }
        sql.push_str("))");
        sql
    }
}

/// Where a page starts: which of the search's parts, and the sort values before it.
pub(crate) struct Position {
    pub(crate) part: usize,
    pub(crate) after: Option<Vec<Value>>,
}

/// A fingerprint of the question, so that a token is not used for another.
pub(crate) fn fingerprint(question: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    question.hash(&mut hasher);
    hasher.finish()
}

pub(crate) fn encode_token(question: u64, part: usize, values: &[Value]) -> String {
    let values: Vec<serde_json::Value> = values
        .iter()
        .map(|value| match value {
            Value::Integer(n) => (*n).into(),
            // The bits, so that a page starts exactly where the last one ended.
            Value::Real(x) => serde_json::json!({ "f": x.to_bits().to_string() }),
            Value::Text(t) => t.clone().into(),
            Value::Null | Value::Blob(_) => serde_json::Value::Null,
        })
        .collect();
    let token = serde_json::json!([question.to_string(), part, values]);
    URL_SAFE_NO_PAD.encode(token.to_string())
}

/// As much of a wrong token is repeated: a refusal is not as long as what it refuses.
const SHOWN_OF_A_TOKEN: usize = 100;

pub(crate) fn decode_token(token: Option<&str>, question: u64) -> StoreResult<Position> {
    let Some(token) = token.filter(|token| !token.is_empty()) else {
        return Ok(Position { part: 0, after: None });
    };
    let position = parse_token(token, question).ok_or_else(|| {
        Error::invalid(format!("Invalid page token '{}'.", truncate_chars(token, SHOWN_OF_A_TOKEN)))
            .hint("Repeat the search that gave the token, or leave page_token out to start again.")
    })?;
    Ok(position)
}

fn parse_token(token: &str, question: u64) -> Option<Position> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let parsed: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
    if parsed.get(0)?.as_str()? != question.to_string() {
        return None;
    }
    let part = usize::try_from(parsed.get(1)?.as_u64()?).ok()?;
    let values = parsed.get(2)?.as_array()?.iter().map(|value| match value {
        serde_json::Value::Number(n) => n.as_i64().map(Value::Integer),
        serde_json::Value::String(t) => Some(Value::Text(t.clone())),
        serde_json::Value::Object(o) => {
            let bits = o.get("f")?.as_str()?.parse().ok()?;
            Some(Value::Real(f64::from_bits(bits)))
        }
        serde_json::Value::Null => Some(Value::Null),
        _ => None,
    });
    Some(Position { part, after: Some(values.collect::<Option<_>>()?) })
}

impl View<'_> {
    /// How SQLite answers statements, with nothing bound.
    pub(crate) fn explain(&self, statements: &[&str]) -> StoreResult<Vec<String>> {
        let mut plan = Vec::new();
        for sql in statements {
            let mut statement = self.connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
            let unbound = vec![Value::Null; statement.parameter_count()];
            let rows =
                statement.query_map(params_from_iter(unbound), |row| row.get::<_, String>(3))?;
            plan.extend(rows.collect::<rusqlite::Result<Vec<_>>>()?);
        }
        Ok(plan)
    }

    /// Reads up to `limit` rows of `select` after `after`, each with its sort values.
    pub(crate) fn rows<T>(
        &self,
        select: &Select,
        after: Option<&[Value]>,
        limit: usize,
        read: &dyn Fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> StoreResult<Vec<(T, Vec<Value>)>> {
        if after.is_some_and(|after| after.len() != select.terms.len()) {
            return Err(Error::invalid("The page token does not fit this search.").into());
        }
        let sql = select.statement(after, limit);
        let mut statement = self.connection.prepare_cached(&sql.text)?;
        let columns = statement.column_count() - select.terms.len();
        let mut rows = statement.query(params_from_iter(sql.values))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let values = (0..select.terms.len()).map(|i| row.get(columns + i));
            found.push((read(row)?, values.collect::<rusqlite::Result<_>>()?));
        }
        Ok(found)
    }

    /// One page over `parts`, read one after the other until the page is full.
    pub(crate) fn page<T>(
        &self,
        parts: &[Select],
        question: u64,
        token: Option<&str>,
        max_results: usize,
        read: &dyn Fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> StoreResult<SearchPage<T>> {
        let start = decode_token(token, question)?;
        let mut items: Vec<(usize, T, Vec<Value>)> = Vec::new();
        for (part, select) in parts.iter().enumerate().skip(start.part) {
            // One more than the page holds tells whether another page follows.
            let wanted = max_results + 1 - items.len();
            let after = start.after.as_deref().filter(|_| part == start.part);
            let rows = self.rows(select, after, wanted, read)?;
            items.extend(rows.into_iter().map(|(item, values)| (part, item, values)));
            if items.len() > max_results {
                break;
            }
        }
        let more = items.len() > max_results;
        items.truncate(max_results);
        let next_page_token = items
            .last()
            .filter(|_| more)
            .map(|(part, _, values)| encode_token(question, *part, values));
        Ok(SearchPage {
            items: items.into_iter().map(|(_, item, _)| item).collect(),
            next_page_token,
        })
    }
}
