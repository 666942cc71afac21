//! Flink's lexical rules and expression syntax, as far as sqlparser lets a
//! dialect decide: back-quoted identifiers, no backslash escapes, `TABLE t` as an argument,
//! `MAP[…]`, and type names that only Flink has.

use super::json::{is_json, json_value};
use super::types::{parse_type, word_is};
use datafusion_expr::sqlparser::ast::{
    CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList, FunctionArguments, Ident,
    ObjectName,
};
use datafusion_expr::sqlparser::dialect::Dialect;
use datafusion_expr::sqlparser::keywords::Keyword;
use datafusion_expr::sqlparser::parser::{Parser, ParserError};
use datafusion_expr::sqlparser::tokenizer::{Token, TokenWithSpan};

/// The dialect.
#[derive(Debug, Clone, Copy, Default)]
pub struct FlinkDialect;

/// Name of the custom AST type that carries the text of a type which sqlparser has no node for;
/// [`super::types::parse_type_text`] reads it.
pub const TYPE_TEXT: &str = "FLINK_TYPE";

/// Name of the pseudo function that stands for `TABLE t` as an argument.
pub const TABLE_ARGUMENT: &str = "TABLE";

impl Dialect for FlinkDialect {
    fn is_delimited_identifier_start(&self, ch: char) -> bool {
        ch == '`'
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        ch.is_alphabetic() || ch == '_'
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        ch.is_alphanumeric() || ch == '_' || ch == '$'
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    fn supports_group_by_expr(&self) -> bool {
        true
    }

    fn supports_match_recognize(&self) -> bool {
        true
    }

    fn supports_unicode_string_literal(&self) -> bool {
        true
    }

    fn supports_window_clause_named_window_reference(&self) -> bool {
        true
    }

    fn supports_map_literal_with_angle_brackets(&self) -> bool {
        true
    }

    fn supports_table_versioning(&self) -> bool {
        true
    }

    fn supports_subquery_as_function_arg(&self) -> bool {
        true
    }

    fn parse_infix(&self, parser: &mut Parser, expr: &Expr, _precedence: u8) -> Option<Result<Expr, ParserError>> {
        is_json(parser, expr)
    }

    fn parse_prefix(&self, parser: &mut Parser) -> Option<Result<Expr, ParserError>> {
        let first = parser.peek_token_ref();
        let Token::Word(word) = &first.token else { return None };
        if word.quote_style.is_some() {
            return None;
        }
        let (keyword, start) = (word.keyword, first.clone());
        let next = &parser.peek_nth_token_ref(1).token;
        match keyword {
            Keyword::TABLE => Some(table_argument(parser, start)),
            Keyword::MAP if *next == Token::LBracket => Some(map_constructor(parser, start)),
            Keyword::CAST if *next == Token::LParen => Some(cast(parser, CastKind::Cast)),
            Keyword::TRY_CAST if *next == Token::LParen => Some(cast(parser, CastKind::TryCast)),
            _ if word.value.eq_ignore_ascii_case("JSON_VALUE") && *next == Token::LParen => Some(json_value(parser)),
            _ => None,
        }
    }
}

/// A call that syntax stands for.
pub(super) fn function(name: &str, token: &TokenWithSpan, args: Vec<Expr>) -> Expr {
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::with_span(token.span, name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: args.into_iter().map(|e| FunctionArg::Unnamed(FunctionArgExpr::Expr(e))).collect(),
            clauses: vec![],
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: vec![],
    })
}

/// `TABLE t [PARTITION BY keys]` and `TABLE (SELECT …)` as arguments of a table function.
fn table_argument(parser: &mut Parser, start: TokenWithSpan) -> Result<Expr, ParserError> {
    parser.next_token();
    if parser.consume_token(&Token::LParen) {
        let query = parser.parse_query()?;
        parser.expect_token(&Token::RParen)?;
        return Ok(function(TABLE_ARGUMENT, &start, vec![Expr::Subquery(query)]));
    }
    let mut parts = Vec::new();
    loop {
        parts.push(parser.parse_identifier()?);
        if !parser.consume_token(&Token::Period) {
            break;
        }
    }
    let mut args = vec![Expr::CompoundIdentifier(parts)];
    if parser.parse_keywords(&[Keyword::PARTITION, Keyword::BY]) {
        args.push(parser.parse_expr()?);
    }
    Ok(function(TABLE_ARGUMENT, &start, args))
}

/// `MAP[k1, v1, …]`: a call of MAP.
fn map_constructor(parser: &mut Parser, start: TokenWithSpan) -> Result<Expr, ParserError> {
    parser.next_token();
    parser.expect_token(&Token::LBracket)?;
    let args = if *parser.peek_token_ref() == Token::RBracket {
        Vec::new()
    } else {
        parser.parse_comma_separated(Parser::parse_expr)?
    };
    parser.expect_token(&Token::RBracket)?;
    Ok(function("MAP", &start, args))
}

/// CAST and TRY_CAST.
fn cast(parser: &mut Parser, kind: CastKind) -> Result<Expr, ParserError> {
    parser.next_token();
    parser.expect_token(&Token::LParen)?;
    let expr = Box::new(parser.parse_expr()?);
    parser.expect_keyword_is(Keyword::AS)?;
    let data_type = data_type(parser)?;
    parser.expect_token(&Token::RParen)?;
    Ok(Expr::Cast { kind, expr, data_type, array: false, format: None })
}

/// A type in an expression: those that sqlparser knows stay its own nodes, others become [`TYPE_TEXT`].
pub(super) fn data_type(parser: &mut Parser) -> Result<DataType, ParserError> {
    let known = parser.maybe_parse(|p| {
        let data_type = p.parse_data_type()?;
        // Behind the type of a cast, or of JSON_VALUE's RETURNING.
        let ends = *p.peek_token_ref() == Token::RParen || ["NULL", "ERROR", "DEFAULT"].iter().any(|w| word_is(p, w));
        if !ends || matches!(data_type, DataType::Custom(..)) {
            return Err(ParserError::ParserError("not its type".into()));
        }
        Ok(data_type)
    })?;
    Ok(match known {
        Some(t) => t,
        None => DataType::Custom(ObjectName::from(vec![Ident::new(TYPE_TEXT)]), vec![parse_type(parser)?.to_string()]),
    })
}
