//! CREATE TABLE: columns, watermark, keys, options, LIKE. Only the syntax; the
//! catalog resolves names and types.

use super::names::{TableName, identifier, table_name};
use super::types::{parse_type, word_is};
use super::{refused, text};
use crate::position::{Position, from_parser, parser_error};
use datafusion_expr::sqlparser::ast::{Expr, Ident};
use datafusion_expr::sqlparser::keywords::Keyword;
use datafusion_expr::sqlparser::parser::{Parser, ParserError};
use datafusion_expr::sqlparser::tokenizer::Token;
use streamjob_core::{Error, LogicalType, Result};

/// CREATE TABLE.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateTable {
    /// Its name.
    pub name: TableName,
    /// IF NOT EXISTS.
    pub if_not_exists: bool,
    /// TEMPORARY; every table of a script is.
    pub temporary: bool,
    /// The columns.
    pub columns: Vec<ColumnSyntax>,
    /// WATERMARK FOR.
    pub watermark: Option<WatermarkSyntax>,
    /// PRIMARY KEY (…) NOT ENFORCED.
    pub primary_key: Option<Vec<Ident>>,
    /// PARTITIONED BY.
    pub partition_keys: Vec<Ident>,
    /// WITH, in order.
    pub options: Vec<(String, String)>,
    /// LIKE.
    pub like: Option<Like>,
}

/// A column.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnSyntax {
    /// Its name.
    pub name: Ident,
    /// What it is.
    pub kind: ColumnSyntaxKind,
}

/// What a column is.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnSyntaxKind {
    /// `name type`.
    Physical(LogicalType),
    /// `name AS expr`.
    Computed(Expr),
    /// `name type METADATA [FROM 'key'] [VIRTUAL]`.
    Metadata {
        /// Its type.
        ty: LogicalType,
        /// FROM, when not the column's name.
        key: Option<String>,
        /// VIRTUAL.
        is_virtual: bool,
    },
}

/// WATERMARK FOR column AS expr.
#[derive(Debug, Clone, PartialEq)]
pub struct WatermarkSyntax {
    /// The column.
    pub column: Ident,
    /// The expression.
    pub expr: Expr,
}

/// LIKE table (options).
#[derive(Debug, Clone, PartialEq)]
pub struct Like {
    /// The table that it takes from.
    pub source: TableName,
    /// What it does with each kind of property, in order.
    pub options: Vec<(LikeAction, LikeFeature)>,
}

/// What LIKE does with a kind of property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LikeAction {
    /// Takes them; a second one of the same name is an error.
    Including,
    /// Leaves them.
    Excluding,
    /// Takes them; the new table's win.
    Overwriting,
}

/// Kind of property for LIKE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LikeFeature {
    /// All of them.
    All,
    /// The primary key.
    Constraints,
    /// Buckets; no table has any.
    Distribution,
    /// Computed columns.
    Generated,
    /// Metadata columns.
    Metadata,
    /// WITH options.
    Options,
    /// PARTITIONED BY.
    Partitions,
    /// The watermark.
    Watermarks,
}

/// Reads what follows CREATE [TEMPORARY] TABLE.
pub fn create_table(parser: &mut Parser, temporary: bool) -> Result<CreateTable> {
    let if_not_exists = parser.parse_keywords(&[Keyword::IF, Keyword::NOT, Keyword::EXISTS]);
    let name = table_name(parser).map_err(from_parser)?;
    let mut table = CreateTable {
        name,
        if_not_exists,
        temporary,
        columns: Vec::new(),
        watermark: None,
        primary_key: None,
        partition_keys: Vec::new(),
        options: Vec::new(),
        like: None,
    };
    if parser.consume_token(&Token::LParen) {
        loop {
            if parser.peek_token_ref().token == Token::RParen && table.columns.is_empty() {
                break;
            }
            element(parser, &mut table)?;
            if !parser.consume_token(&Token::Comma) {
                break;
            }
        }
        let close = parser.next_token();
        if close.token != Token::RParen {
            return Err(Position::of_token(&close)
                .error(format!("syntax error: expected ',' or ')' behind a column, found {}", close.token)));
        }
    }
    tail(parser, &mut table)?;
    Ok(table)
}

/// One column, constraint or watermark.
fn element(parser: &mut Parser, table: &mut CreateTable) -> Result<()> {
    let position = Position::of_token(parser.peek_token_ref());
    if parser.parse_keyword(Keyword::CONSTRAINT) {
        identifier(parser, "the constraint's name").map_err(from_parser)?;
        if !word_is(parser, "PRIMARY") {
            return Err(not_a_constraint(parser));
        }
    }
    if word_is(parser, "PRIMARY") {
        parser.next_token();
        parser.expect_keyword_is(Keyword::KEY).map_err(from_parser)?;
        let columns = name_list(parser)?;
        not_enforced(parser)?;
        return set_key(table, columns, position);
    }
    if word_is(parser, "UNIQUE") || word_is(parser, "CHECK") || word_is(parser, "FOREIGN") {
        return Err(not_a_constraint(parser));
    }
    if word_is(parser, "WATERMARK") {
        parser.next_token();
        parser.expect_keyword_is(Keyword::FOR).map_err(from_parser)?;
        let column = identifier(parser, "the time attribute").map_err(from_parser)?;
        if parser.peek_token_ref().token == Token::Period {
            return Err(refused(position, "a watermark on a nested field", "add a computed column and use that"));
        }
        parser.expect_keyword_is(Keyword::AS).map_err(from_parser)?;
        let expr = parser.parse_expr().map_err(from_parser)?;
        if table.watermark.is_some() {
            return Err(position.error(format!("table {} has two watermarks", table.name.text())).fix("keep one"));
        }
        table.watermark = Some(WatermarkSyntax { column, expr });
        return Ok(());
    }
    column(parser, table)
}

fn column(parser: &mut Parser, table: &mut CreateTable) -> Result<()> {
    let name = identifier(parser, "a column").map_err(from_parser)?;
    if parser.parse_keyword(Keyword::AS) {
        let expr = parser.parse_expr().map_err(from_parser)?;
        comment(parser)?;
        table.columns.push(ColumnSyntax { name, kind: ColumnSyntaxKind::Computed(expr) });
        return Ok(());
    }
    let mut ty = parse_type(parser).map_err(from_parser)?;
    let mut metadata = None;
    loop {
        let position = Position::of_token(parser.peek_token_ref());
        if word_is(parser, "METADATA") {
            parser.next_token();
            let key = if parser.parse_keyword(Keyword::FROM) {
                Some(text(parser, "a metadata key in single quotes").map_err(from_parser)?)
            } else {
                None
            };
            let is_virtual = word_is(parser, "VIRTUAL");
            if is_virtual {
                parser.next_token();
            }
            metadata = Some((key, is_virtual));
        } else if parser.parse_keywords(&[Keyword::NOT, Keyword::NULL]) {
            ty.nullable = false;
        } else if word_is(parser, "CONSTRAINT") || word_is(parser, "PRIMARY") {
            if parser.parse_keyword(Keyword::CONSTRAINT) {
                identifier(parser, "the constraint's name").map_err(from_parser)?;
            }
            parser.expect_keywords(&[Keyword::PRIMARY, Keyword::KEY]).map_err(from_parser)?;
            not_enforced(parser)?;
            set_key(table, vec![name.clone()], position)?;
        } else if word_is(parser, "UNIQUE") || word_is(parser, "DEFAULT") || word_is(parser, "CHECK") {
            return Err(not_a_constraint(parser));
        } else if !comment(parser)? {
            break;
        }
    }
    let kind = match metadata {
        Some((key, is_virtual)) => ColumnSyntaxKind::Metadata { ty, key, is_virtual },
        None => ColumnSyntaxKind::Physical(ty),
    };
    table.columns.push(ColumnSyntax { name, kind });
    Ok(())
}

/// What follows the column list.
fn tail(parser: &mut Parser, table: &mut CreateTable) -> Result<()> {
    comment(parser)?;
    if word_is(parser, "DISTRIBUTED") {
        let position = Position::of_token(parser.peek_token_ref());
        return Err(refused(position, "DISTRIBUTED BY", "leave it out; rows are spread by the sink's parallelism"));
    }
    if word_is(parser, "PARTITIONED") {
        parser.next_token();
        parser.expect_keyword_is(Keyword::BY).map_err(from_parser)?;
        table.partition_keys = name_list(parser)?;
    }
    if parser.parse_keyword(Keyword::WITH) {
        parser.expect_token(&Token::LParen).map_err(from_parser)?;
        while parser.peek_token_ref().token != Token::RParen {
            let position = Position::of_token(parser.peek_token_ref());
            let key = text(parser, "an option in single quotes").map_err(from_parser)?;
            parser.expect_token(&Token::Eq).map_err(from_parser)?;
            let value = text(parser, "its value in single quotes").map_err(from_parser)?;
            if table.options.iter().any(|(k, _)| *k == key) {
                return Err(position.error(format!("option '{key}' is given twice")).fix("keep one"));
            }
            table.options.push((key, value));
            if !parser.consume_token(&Token::Comma) {
                break;
            }
        }
        parser.expect_token(&Token::RParen).map_err(from_parser)?;
    }
    let position = Position::of_token(parser.peek_token_ref());
    if parser.parse_keyword(Keyword::LIKE) {
        table.like = Some(like(parser).map_err(from_parser)?);
    } else if parser.parse_keyword(Keyword::AS) {
        return Err(refused(
            position,
            "CREATE TABLE … AS SELECT",
            "write CREATE TABLE with its columns, then INSERT INTO … SELECT",
        ));
    }
    Ok(())
}

fn like(parser: &mut Parser) -> Result<Like, ParserError> {
    let source = table_name(parser)?;
    let mut options = Vec::new();
    if parser.consume_token(&Token::LParen) {
        while parser.peek_token_ref().token != Token::RParen {
            let mut word = |expected: &str| {
                let token = parser.next_token();
                match &token.token {
                    Token::Word(w) => Ok((w.value.to_ascii_uppercase(), Position::of_token(&token))),
                    other => {
                        Err(parser_error(format!("expected {expected}, found {other}"), Position::of_token(&token)))
                    }
                }
            };
            let action = match word("INCLUDING, EXCLUDING or OVERWRITING")? {
                (w, _) if w == "INCLUDING" => LikeAction::Including,
                (w, _) if w == "EXCLUDING" => LikeAction::Excluding,
                (w, _) if w == "OVERWRITING" => LikeAction::Overwriting,
                (w, p) => {
                    return Err(parser_error(format!("expected INCLUDING, EXCLUDING or OVERWRITING, found {w}"), p));
                }
            };
            let (feature, position) = word("what of the table")?;
            let feature = match feature.as_str() {
                "ALL" => LikeFeature::All,
                "CONSTRAINTS" => LikeFeature::Constraints,
                "DISTRIBUTION" => LikeFeature::Distribution,
                "GENERATED" => LikeFeature::Generated,
                "METADATA" => LikeFeature::Metadata,
                "OPTIONS" => LikeFeature::Options,
                "PARTITIONS" => LikeFeature::Partitions,
                "WATERMARKS" => LikeFeature::Watermarks,
                other => {
                    return Err(parser_error(
                        format!(
                            "expected ALL, CONSTRAINTS, DISTRIBUTION, GENERATED, METADATA, OPTIONS, PARTITIONS or WATERMARKS, found {other}"
                        ),
                        position,
                    ));
                }
            };
            options.push((action, feature));
        }
        parser.expect_token(&Token::RParen)?;
    }
    Ok(Like { source, options })
}

fn name_list(parser: &mut Parser) -> Result<Vec<Ident>> {
    let mut read = || {
        parser.expect_token(&Token::LParen)?;
        let names = parser.parse_comma_separated(|p| identifier(p, "a column"))?;
        parser.expect_token(&Token::RParen)?;
        Ok(names)
    };
    read().map_err(from_parser)
}

fn not_enforced(parser: &mut Parser) -> Result<()> {
    if parser.parse_keyword(Keyword::NOT) && word_is(parser, "ENFORCED") {
        parser.next_token();
        return Ok(());
    }
    Err(Position::of_token(parser.peek_token_ref())
        .error("a primary key is never checked by a stream")
        .fix("write PRIMARY KEY … NOT ENFORCED"))
}

fn set_key(table: &mut CreateTable, columns: Vec<Ident>, position: Position) -> Result<()> {
    if table.primary_key.is_some() {
        return Err(position.error(format!("table {} has two primary keys", table.name.text())).fix("keep one"));
    }
    table.primary_key = Some(columns);
    Ok(())
}

fn not_a_constraint(parser: &Parser) -> Error {
    let token = parser.peek_token_ref();
    refused(Position::of_token(token), &format!("constraint {}", token.token), "only PRIMARY KEY … NOT ENFORCED is")
}

fn comment(parser: &mut Parser) -> Result<bool> {
    let found = parser.parse_keyword(Keyword::COMMENT);
    if found {
        text(parser, "a comment in single quotes").map_err(from_parser)?;
    }
    Ok(found)
}
