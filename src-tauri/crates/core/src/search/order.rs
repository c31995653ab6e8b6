//! Reads orderings.

use super::field::{Field, Path};
use super::lexer::excerpt;
use super::parser::Parser;
use super::tree::Order;
use crate::error::{Error, Result};

/// How many keys an ordering may have.
const MAX_ORDERS: usize = 100;

/// Reads the keys of an ordering, each `field [ASC|DESC]`.
pub(super) fn parse_order<F: Field>(clauses: &[String]) -> Result<Vec<Order<F>>> {
    if clauses.len() > MAX_ORDERS {
        return Err(Error::invalid(format!(
            "`order_by` has {} keys; at most {MAX_ORDERS} are read.",
            clauses.len()
        )));
    }
    let mut orders: Vec<Order<F>> = Vec::with_capacity(clauses.len());
    for clause in clauses {
        let order = parse_order_clause::<F>(clause)?;
        if orders.iter().any(|other| other.field == order.field) {
            return Err(Error::invalid(format!(
                "`order_by` contains duplicate fields: {clauses:?}"
            )));
        }
        orders.push(order);
    }
    Ok(orders)
}

fn parse_order_clause<F: Field>(clause: &str) -> Result<Order<F>> {
    let unread = || {
        Error::invalid(format!(
            "Invalid order_by clause '{}'. Could not be parsed.",
            excerpt(clause)
        ))
    };
    let mut parser = Parser::new(clause).map_err(|error| match error.position {
        Some(position) => unread().at(position),
        None => unread(),
    })?;
    let start = parser.here();
    let (word, agg) =
        parser.field_word().map_err(|error| unread().at(error.position.unwrap_or(start)))?;
    let field = F::resolve_order(&Path { word: &word, agg }).map_err(|error| error.at(start))?;
    let ascending = match parser.keyword().as_deref() {
        None if parser.peek().is_none() => return Ok(Order { field, ascending: true }),
        Some("ASC") => true,
        Some("DESC") => false,
        Some(_) if parser.at + 1 == parser.tokens.len() => {
            return Err(Error::invalid(format!(
                "Invalid ordering key in order_by clause '{}'.",
                excerpt(clause)
            ))
            .at(parser.here()));
        }
        _ => return Err(unread().at(parser.here())),
    };
    parser.at += 1;
    match parser.peek() {
        None => Ok(Order { field, ascending }),
        Some(_) => Err(unread().at(parser.here())),
    }
}
