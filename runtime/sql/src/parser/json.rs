//! JSON syntax that sqlparser does not read, or not all of:
//! `JSON_VALUE(json, path [RETURNING type] [{NULL | ERROR | DEFAULT x} ON {EMPTY | ERROR}]…)`
//! and `text IS [NOT] JSON [VALUE | OBJECT | ARRAY | SCALAR]`.

use super::dialect::{data_type, function};
use super::types::word_is;
use crate::position::{Position, parser_error};
use datafusion_expr::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause, FunctionArgumentList, FunctionArguments,
    Ident, JsonReturningClause, ObjectName, UnaryOperator, Value,
};
use datafusion_expr::sqlparser::parser::{Parser, ParserError};
use datafusion_expr::sqlparser::tokenizer::Token;

/// Name of the function that stands for JSON_VALUE with ON EMPTY or ON ERROR. Its
/// further arguments are what is to happen (`NULL`, `ERROR` or `DEFAULT`) and the
/// default, first for EMPTY, then for ERROR.
pub const JSON_VALUE_ON: &str = "JSON_VALUE ON";

/// Name of the function that stands for IS JSON; its second argument is the kind.
pub const IS_JSON: &str = "IS JSON";

/// What stands before ON: its word and its value.
type Behaviour = (&'static str, Expr);

/// Reads a call from its name on.
pub fn json_value(parser: &mut Parser) -> Result<Expr, ParserError> {
    let name = parser.next_token();
    parser.expect_token(&Token::LParen)?;
    let mut args = parser.parse_comma_separated(Parser::parse_expr)?;
    let mut clauses = Vec::new();
    if word(parser, "RETURNING") {
        clauses
            .push(FunctionArgumentClause::JsonReturningClause(JsonReturningClause { data_type: data_type(parser)? }));
    }
    let (mut on_empty, mut on_error) = (None, None);
    while let Some(behaviour) = behaviour(parser)? {
        let place = Position::of_token(parser.peek_token_ref());
        if !word(parser, "ON") {
            return Err(parser_error(format!("expected ON, found {}", parser.peek_token_ref().token), place));
        }
        let slot = match (word(parser, "EMPTY"), &on_empty, &on_error) {
            (true, None, None) => &mut on_empty,
            (false, _, None) if word(parser, "ERROR") => &mut on_error,
            _ => return Err(parser_error("expected at most one ON EMPTY, then at most one ON ERROR", place)),
        };
        *slot = Some(behaviour);
    }
    parser.expect_token(&Token::RParen)?;
    let mut function = "JSON_VALUE";
    if on_empty.is_some() || on_error.is_some() {
        function = JSON_VALUE_ON;
        for (what, value) in [on_empty, on_error].into_iter().map(|b| b.unwrap_or(("NULL", null()))) {
            args.extend([Expr::value(Value::SingleQuotedString(what.into())), value]);
        }
    }
    Ok(Expr::Function(Function {
        name: ObjectName::from(vec![Ident::with_span(name.span, function)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: args.into_iter().map(|e| FunctionArg::Unnamed(FunctionArgExpr::Expr(e))).collect(),
            clauses,
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: vec![],
    }))
}

/// Reads `IS [NOT] JSON …` behind `expr`, if it is there.
pub fn is_json(parser: &mut Parser, expr: &Expr) -> Option<Result<Expr, ParserError>> {
    if !word_is(parser, "IS") {
        return None;
    }
    let words: Vec<String> = (1..3)
        .map(|n| match &parser.peek_nth_token_ref(n).token {
            Token::Word(w) if w.quote_style.is_none() => w.value.to_ascii_uppercase(),
            _ => String::new(),
        })
        .collect();
    let negated = match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["JSON", ..] => false,
        ["NOT", "JSON"] => true,
        _ => return None,
    };
    let start = parser.peek_token_ref().clone();
    for _ in 0..2 + usize::from(negated) {
        parser.next_token();
    }
    let kind = ["VALUE", "OBJECT", "ARRAY", "SCALAR"].into_iter().find(|k| word(parser, k)).unwrap_or("VALUE");
    let kind = Expr::value(Value::SingleQuotedString(kind.into()));
    let call = function(IS_JSON, &start, vec![expr.clone(), kind]);
    Some(Ok(if negated { Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(call) } } else { call }))
}

fn null() -> Expr {
    Expr::value(Value::Null)
}

fn word(parser: &mut Parser, wanted: &str) -> bool {
    let found = word_is(parser, wanted);
    if found {
        parser.next_token();
    }
    found
}

/// `NULL`, `ERROR` or `DEFAULT x`; `None` before something else.
fn behaviour(parser: &mut Parser) -> Result<Option<Behaviour>, ParserError> {
    Ok(if word(parser, "NULL") {
        Some(("NULL", null()))
    } else if word(parser, "ERROR") {
        Some(("ERROR", null()))
    } else if word(parser, "DEFAULT") {
        Some(("DEFAULT", parser.parse_expr()?))
    } else {
        None
    })
}
