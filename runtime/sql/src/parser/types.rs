//! Flink's type syntax, read from sqlparser's tokens.

use super::dialect::FlinkDialect;
use crate::position::{Position, from_parser, parser_error};
use datafusion_expr::sqlparser::keywords::Keyword;
use datafusion_expr::sqlparser::parser::{Parser, ParserError};
use datafusion_expr::sqlparser::tokenizer::{Token, Word};
use streamjob_core::types::MAX_LENGTH;
use streamjob_core::{Column, DataType, LogicalType, Result};

/// Reads a type with an optional NOT NULL or NULL behind it.
pub fn parse_type(parser: &mut Parser) -> Result<LogicalType, ParserError> {
    let mut reader = TypeReader { parser, open: 0 };
    let ty = reader.logical()?;
    if reader.open > 0 {
        let position = Position::of_token(reader.parser.peek_token_ref());
        return Err(parser_error("one '>' too many in a type", position));
    }
    Ok(ty)
}

/// Reads a type from its text.
pub fn parse_type_text(text: &str) -> Result<LogicalType> {
    let parse = || {
        let mut parser = Parser::new(&FlinkDialect).try_with_sql(text)?;
        let ty = parse_type(&mut parser)?;
        parser.expect_token(&Token::EOF)?;
        Ok(ty)
    };
    parse().map_err(from_parser)
}

struct TypeReader<'a, 'p> {
    parser: &'a mut Parser<'p>,
    /// Closing brackets that a `>>` token gave in advance.
    open: u32,
}

impl TypeReader<'_, '_> {
    fn logical(&mut self) -> Result<LogicalType, ParserError> {
        let mut ty = LogicalType::new(self.data()?);
        loop {
            if self.open == 0 && self.parser.parse_keywords(&[Keyword::NOT, Keyword::NULL]) {
                ty.nullable = false;
            } else if self.open == 0 && self.parser.parse_keyword(Keyword::NULL) {
                ty.nullable = true;
            } else if self.open == 0 && self.parser.parse_keyword(Keyword::ARRAY) {
                ty = LogicalType::new(DataType::Array(Box::new(ty)));
            } else if self.open == 0 && word_is(self.parser, "MULTISET") {
                self.parser.next_token();
                ty = LogicalType::new(DataType::Multiset(Box::new(ty)));
            } else {
                return Ok(ty);
            }
        }
    }

    fn data(&mut self) -> Result<DataType, ParserError> {
        let token = self.parser.next_token();
        let position = Position::of_token(&token);
        let Token::Word(Word { value, quote_style: None, .. }) = &token.token else {
            return Err(parser_error(format!("expected a data type, found {}", token.token), position));
        };
        let name = value.to_ascii_uppercase();
        Ok(match name.as_str() {
            "BOOLEAN" => DataType::Boolean,
            "TINYINT" => DataType::TinyInt,
            "SMALLINT" => DataType::SmallInt,
            "INT" | "INTEGER" => DataType::Int,
            "BIGINT" => DataType::BigInt,
            "FLOAT" | "REAL" => DataType::Float,
            "DOUBLE" => {
                let _ = self.parser.parse_keyword(Keyword::PRECISION);
                DataType::Double
            }
            "DECIMAL" | "NUMERIC" | "DEC" => {
                let (precision, scale) = match self.numbers(2)?.as_slice() {
                    [] => (10, 0),
                    [p] => (*p, 0),
                    [p, s, ..] => (*p, *s),
                };
                if !(1..=38).contains(&precision) || scale > precision {
                    return Err(parser_error(
                        format!(
                            "{name}({precision}, {scale}) is not a type: precision is from 1 to 38, scale from 0 to the precision"
                        ),
                        position,
                    ));
                }
                DataType::Decimal(precision as u8, scale as u8)
            }
            "STRING" => DataType::STRING,
            "BYTES" => DataType::VarBinary(MAX_LENGTH),
            "CHAR" | "CHARACTER" if self.parser.parse_keyword(Keyword::VARYING) => {
                DataType::VarChar(self.length(MAX_LENGTH, position)?)
            }
            "CHAR" | "CHARACTER" => DataType::Char(self.length(1, position)?),
            "VARCHAR" => DataType::VarChar(self.length(MAX_LENGTH, position)?),
            "BINARY" if self.parser.parse_keyword(Keyword::VARYING) => {
                DataType::VarBinary(self.length(MAX_LENGTH, position)?)
            }
            "BINARY" => DataType::Binary(self.length(1, position)?),
            "VARBINARY" => DataType::VarBinary(self.length(MAX_LENGTH, position)?),
            "DATE" => DataType::Date,
            "TIME" => {
                let p = self.precision(0, position)?;
                let _ = self.parser.parse_keywords(&[Keyword::WITHOUT, Keyword::TIME, Keyword::ZONE]);
                DataType::Time(p)
            }
            "TIMESTAMP" => {
                let p = self.precision(6, position)?;
                let _ = self.parser.parse_keywords(&[Keyword::WITHOUT, Keyword::TIME, Keyword::ZONE]);
                if self.parser.parse_keyword(Keyword::WITH) {
                    if !self.parser.parse_keyword(Keyword::LOCAL) {
                        return Err(parser_error(
                            "TIMESTAMP WITH TIME ZONE is not supported; use TIMESTAMP_LTZ (an instant) or TIMESTAMP",
                            position,
                        ));
                    }
                    self.parser.expect_keywords(&[Keyword::TIME, Keyword::ZONE])?;
                    DataType::TimestampLtz(p)
                } else {
                    DataType::Timestamp(p)
                }
            }
            "TIMESTAMP_LTZ" => DataType::TimestampLtz(self.precision(6, position)?),
            "INTERVAL" => self.interval(position)?,
            "ARRAY" => {
                self.parser.expect_token(&Token::Lt)?;
                let item = self.logical()?;
                self.close()?;
                DataType::Array(Box::new(item))
            }
            "MULTISET" => {
                self.parser.expect_token(&Token::Lt)?;
                let item = self.logical()?;
                self.close()?;
                DataType::Multiset(Box::new(item))
            }
            "MAP" => {
                self.parser.expect_token(&Token::Lt)?;
                let key = self.logical()?;
                self.parser.expect_token(&Token::Comma)?;
                let value = self.logical()?;
                self.close()?;
                DataType::Map(Box::new(key), Box::new(value))
            }
            "ROW" => self.row()?,
            "RAW" | "STRUCTURED" | "VARIANT" | "DESCRIPTOR" => {
                return Err(parser_error(format!("type {name} is not supported"), position));
            }
            _ => {
                let near = streamjob_core::options::nearest(&name, TYPE_NAMES.iter().copied())
                    .map_or(String::new(), |n| format!("; did you mean {n}?"));
                return Err(parser_error(format!("unknown data type {value}{near}"), position));
            }
        })
    }

    fn row(&mut self) -> Result<DataType, ParserError> {
        let round = self.parser.consume_token(&Token::LParen);
        if !round {
            if self.parser.consume_token(&Token::Neq) {
                return Ok(DataType::Row(Vec::new()));
            }
            self.parser.expect_token(&Token::Lt)?;
        }
        let mut columns = Vec::new();
        loop {
            let name = self.parser.parse_identifier()?.value;
            let ty = self.logical()?;
            if self.open == 0 && self.parser.parse_keyword(Keyword::COMMENT) {
                self.parser.parse_literal_string()?;
            }
            columns.push(Column { name, ty });
            if self.open > 0 || !self.parser.consume_token(&Token::Comma) {
                break;
            }
        }
        if round {
            self.parser.expect_token(&Token::RParen)?;
        } else {
            self.close()?;
        }
        Ok(DataType::Row(columns))
    }

    fn interval(&mut self, position: Position) -> Result<DataType, ParserError> {
        let mut unit = || {
            let token = self.parser.next_token();
            let Token::Word(w) = token.token else { return Err(parser_error("expected a unit of time", position)) };
            self.numbers(2)?;
            Ok(w.value.to_ascii_uppercase())
        };
        let year_month = match unit()?.as_str() {
            "YEAR" | "MONTH" => true,
            "DAY" | "HOUR" | "MINUTE" | "SECOND" => false,
            other => {
                return Err(parser_error(format!("expected a unit of time after INTERVAL, found {other}"), position));
            }
        };
        if self.parser.parse_keyword(Keyword::TO) {
            self.parser.next_token();
            self.numbers(2)?;
        }
        Ok(if year_month { DataType::IntervalYearMonth } else { DataType::IntervalDayTime })
    }

    /// `>`; a `>>` closes two.
    fn close(&mut self) -> Result<(), ParserError> {
        if self.open > 0 {
            self.open -= 1;
            return Ok(());
        }
        if self.parser.consume_token(&Token::ShiftRight) {
            self.open += 1;
            return Ok(());
        }
        self.parser.expect_token(&Token::Gt).map(|_| ())
    }

    /// `(n)`; without it `default`, which is no limit for types of varying length (Flink's choice, not the standard's).
    fn length(&mut self, default: u32, position: Position) -> Result<u32, ParserError> {
        match self.numbers(1)?.as_slice() {
            [] => Ok(default),
            [n, ..] if (1..=u64::from(MAX_LENGTH)).contains(n) => Ok(*n as u32),
            [n, ..] => Err(parser_error(format!("length {n} is not from 1 to {MAX_LENGTH}"), position)),
        }
    }

    fn precision(&mut self, default: u8, position: Position) -> Result<u8, ParserError> {
        match self.numbers(1)?.as_slice() {
            [] => Ok(default),
            [p, ..] if *p <= 9 => Ok(*p as u8),
            [p, ..] => Err(parser_error(format!("precision {p} is not from 0 to 9"), position)),
        }
    }

    /// `(n)` or `(n, m)`, or nothing.
    fn numbers(&mut self, most: usize) -> Result<Vec<u64>, ParserError> {
        let mut numbers = Vec::new();
        if self.open > 0 || !self.parser.consume_token(&Token::LParen) {
            return Ok(numbers);
        }
        loop {
            numbers.push(self.parser.parse_literal_uint()?);
            if numbers.len() == most || !self.parser.consume_token(&Token::Comma) {
                break;
            }
        }
        self.parser.expect_token(&Token::RParen)?;
        Ok(numbers)
    }
}

/// True when the next token is this bare word, in any case.
pub fn word_is(parser: &Parser, word: &str) -> bool {
    matches!(&parser.peek_token_ref().token,
        Token::Word(Word { value, quote_style: None, .. }) if value.eq_ignore_ascii_case(word))
}

const TYPE_NAMES: &[&str] = &[
    "BOOLEAN",
    "TINYINT",
    "SMALLINT",
    "INT",
    "INTEGER",
    "BIGINT",
    "FLOAT",
    "DOUBLE",
    "DECIMAL",
    "NUMERIC",
    "STRING",
    "BYTES",
    "CHAR",
    "VARCHAR",
    "BINARY",
    "VARBINARY",
    "DATE",
    "TIME",
    "TIMESTAMP",
    "TIMESTAMP_LTZ",
    "INTERVAL",
    "ARRAY",
    "MULTISET",
    "MAP",
    "ROW",
];

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_flink_writes() {
        for (text, shown) in [
            ("string", "STRING"),
            ("varchar(2147483647)", "STRING"),
            ("varchar", "STRING"),
            ("CHARACTER VARYING", "STRING"),
            ("char", "CHAR(1)"),
            ("VARBINARY", "BYTES"),
            ("BINARY", "BINARY(1)"),
            ("CHARACTER VARYING (5) NOT NULL", "VARCHAR(5) NOT NULL"),
            ("CHAR", "CHAR(1)"),
            ("BYTES", "BYTES"),
            ("DEC", "DECIMAL(10, 0)"),
            ("NUMERIC(5,2)", "DECIMAL(5, 2)"),
            ("DOUBLE PRECISION", "DOUBLE"),
            ("INTEGER", "INT"),
            ("TIMESTAMP", "TIMESTAMP(6)"),
            ("TIMESTAMP(3) WITHOUT TIME ZONE", "TIMESTAMP(3)"),
            ("TIMESTAMP(3) WITH LOCAL TIME ZONE", "TIMESTAMP_LTZ(3)"),
            ("TIMESTAMP_LTZ", "TIMESTAMP_LTZ(6)"),
            ("TIME", "TIME(0)"),
            ("INTERVAL DAY(3) TO SECOND(3)", "INTERVAL DAY TO SECOND(3)"),
            ("INTERVAL MONTH", "INTERVAL YEAR TO MONTH"),
            ("ARRAY<ARRAY<INT NOT NULL>>", "ARRAY<ARRAY<INT NOT NULL>>"),
            ("ARRAY<ROW<a MAP<STRING, ARRAY<INT>>>> NOT NULL", "ARRAY<ROW<`a` MAP<STRING, ARRAY<INT>>>> NOT NULL"),
            ("ROW(a INT, `b c` STRING 'x')", ""),
            ("ROW<a INT NOT NULL, `b c` STRING>", "ROW<`a` INT NOT NULL, `b c` STRING>"),
            ("ROW(a INT, b STRING)", "ROW<`a` INT, `b` STRING>"),
            ("INT ARRAY", "ARRAY<INT>"),
            ("MULTISET<INT>", "MULTISET<INT>"),
        ] {
            match parse_type_text(text) {
                Ok(t) => assert_eq!(t.to_string(), shown, "{text}"),
                Err(e) => assert_eq!("", shown, "{text}: {e}"),
            }
        }
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        for (text, error) in [
            ("INTT", "line 1, column 1: syntax error: unknown data type INTT; did you mean INT?"),
            ("DECIMAL(39, 2)", "line 1, column 1: syntax error: DECIMAL(39, 2) is not a type"),
            ("DECIMAL(3, 4)", "scale from 0 to the precision"),
            ("TIMESTAMP(12)", "precision 12 is not from 0 to 9"),
            ("TIMESTAMP(3) WITH TIME ZONE", "use TIMESTAMP_LTZ"),
            ("ARRAY<INT>>", "one '>' too many"),
            ("ARRAY<INT", "expected >, found the end of the script"),
            ("VARCHAR(0)", "length 0 is not from 1"),
            ("RAW('x', 'y')", "type RAW is not supported"),
        ] {
            let found = parse_type_text(text).unwrap_err().to_string();
            assert!(found.contains(error), "{text}: {found}");
        }
    }

    fn any_type() -> impl Strategy<Value = LogicalType> {
        let leaf = prop_oneof![
            Just(DataType::Int),
            Just(DataType::STRING),
            (1u8..=38).prop_flat_map(|p| (Just(p), 0..=p)).prop_map(|(p, s)| DataType::Decimal(p, s)),
            (0u8..=9).prop_map(DataType::Timestamp),
            (0u8..=9).prop_map(DataType::TimestampLtz),
            (1u32..500).prop_map(DataType::VarChar),
            Just(DataType::IntervalDayTime),
        ];
        let nullable =
            |d: BoxedStrategy<DataType>| (d, any::<bool>()).prop_map(|(data, nullable)| LogicalType { data, nullable });
        nullable(leaf.boxed()).prop_recursive(4, 24, 4, move |inner| {
            let data = prop_oneof![
                inner.clone().prop_map(|t| DataType::Array(Box::new(t))),
                (inner.clone(), inner.clone()).prop_map(|(k, v)| DataType::Map(Box::new(k), Box::new(v))),
                inner.clone().prop_map(|t| DataType::Multiset(Box::new(t))),
                proptest::collection::vec(("[a-z][a-z 0-9]{0,5}", inner), 1..4)
                    .prop_map(|c| DataType::Row(c.into_iter().map(|(name, ty)| Column { name, ty }).collect())),
            ];
            (data, any::<bool>()).prop_map(|(data, nullable)| LogicalType { data, nullable })
        })
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(ty in any_type()) {
            prop_assert_eq!(parse_type_text(&ty.to_string()).unwrap(), ty);
        }
    }
}
