//! The statement layer: which statements a script has, where they stand, and
//! which ones a stream job cannot take. Queries inside are parsed by sqlparser
//! in [`dialect::FlinkDialect`]; nothing is bound here.

mod chains;
pub mod ddl;
pub mod dialect;
pub mod json;
mod literals;
pub mod names;
mod statement;
pub mod types;

pub use chains::MAX_OPERATORS;
pub use statement::{CreateView, Explained, Insert, Located, Statement};

use crate::position::{Position, from_parser, parser_error};
use chains::check_chains;
use datafusion_expr::sqlparser::ast::Query;
use datafusion_expr::sqlparser::keywords::Keyword;
use datafusion_expr::sqlparser::parser::{Parser, ParserError};
use datafusion_expr::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer, Whitespace};
use dialect::FlinkDialect;
use streamjob_core::{Error, Result};
use types::word_is;

/// Reads a whole script. Errors (User) carry line and column and say what was expected.
pub fn parse_script(sql: &str) -> Result<Vec<Located>> {
    let mut script = ScriptParser { parser: Parser::new(&FlinkDialect).with_tokens_with_locations(tokens(sql)?) };
    let mut statements = Vec::new();
    while script.skip_semicolons() {
        script.statement(&mut statements)?;
    }
    Ok(statements)
}

/// Reads one expression, such as a computed column's. Positions count from its own start.
pub fn parse_expr_text(text: &str) -> Result<datafusion_expr::sqlparser::ast::Expr> {
    let mut parser = Parser::new(&FlinkDialect).with_tokens_with_locations(tokens(text)?);
    let expr = parser.parse_expr().map_err(from_parser)?;
    parser.expect_token(&Token::EOF).map_err(from_parser)?;
    Ok(expr)
}

/// Tokens with their places; what Flink's lexer refuses is refused.
fn tokens(sql: &str) -> Result<Vec<TokenWithSpan>> {
    let tokens = Tokenizer::new(&FlinkDialect, sql)
        .tokenize_with_location()
        .map_err(|e| Position::from(e.location).error(format!("syntax error: {}", e.message)))?;
    for token in &tokens {
        let position = Position::of_token(token);
        match &token.token {
            Token::DoubleQuotedString(text) => {
                return Err(position
                    .error(format!("syntax error: unexpected double quotes around \"{text}\""))
                    .fix("quote names by backticks and text by single quotes"));
            }
            Token::Whitespace(Whitespace::MultiLineComment(text)) if text.starts_with('+') => {
                return Err(refused(position, "a hint (/*+ … */)", "set the option in the table's WITH clause"));
            }
            Token::DollarQuotedString(_) | Token::EscapedStringLiteral(_) | Token::NationalStringLiteral(_) => {
                return Err(position.error(format!("syntax error: unexpected {}", token.token)));
            }
            _ => {}
        }
    }
    check_chains(&tokens)?;
    literals::joined(tokens)
}

/// The error for what stands in Flink's grammar but not in ours.
pub fn refused(position: Position, construct: &str, instead: &str) -> Error {
    position.error(format!("{construct} is not supported")).fix(instead)
}

struct ScriptParser<'a> {
    parser: Parser<'a>,
}

impl ScriptParser<'_> {
    /// True when something is left.
    fn skip_semicolons(&mut self) -> bool {
        while self.parser.consume_token(&Token::SemiColon) {}
        self.parser.peek_token_ref().token != Token::EOF
    }

    fn here(&self) -> Position {
        Position::of_token(self.parser.peek_token_ref())
    }

    /// Reads one statement, or the several of a statement set.
    fn statement(&mut self, out: &mut Vec<Located>) -> Result<()> {
        let position = self.here();
        if self.word("EXECUTE") {
            if self.words(&["STATEMENT", "SET"]) {
                for insert in self.statement_set(position)? {
                    out.push(Located { position: insert.position, statement: Statement::Insert(Box::new(insert)) });
                }
                return self.end();
            }
            if !(self.is("INSERT")) {
                return Err(refused(position, "EXECUTE of anything but STATEMENT SET", "write INSERT INTO … SELECT …"));
            }
        }
        if self.words(&["BEGIN", "STATEMENT", "SET"]) {
            // The old form: BEGIN STATEMENT SET; INSERT …; INSERT …; END;
            self.end()?;
            for insert in self.inserts_until_end(position)? {
                out.push(Located { position: insert.position, statement: Statement::Insert(Box::new(insert)) });
            }
            return self.end();
        }
        let statement = if self.word("SET") {
            self.set()?
        } else if self.word("RESET") {
            Statement::Reset(if self.at_end() { None } else { Some(self.text("an option in single quotes")?) })
        } else if self.word("CREATE") {
            self.create(position)?
        } else if self.word("DROP") {
            self.drop(position)?
        } else if self.is("INSERT") || self.is("UPSERT") {
            Statement::Insert(Box::new(self.insert()?))
        } else if self.word("EXPLAIN") {
            self.explain()?
        } else if self.is("SELECT")
            || self.is("WITH")
            || self.is("VALUES")
            || self.parser.peek_token_ref().token == Token::LParen
        {
            Statement::Query(self.query()?)
        } else {
            return Err(self.unknown_statement(position));
        };
        out.push(Located { position, statement });
        self.end()
    }

    fn unknown_statement(&mut self, position: Position) -> Error {
        let token = self.parser.peek_token_ref().token.clone();
        let Token::Word(w) = &token else {
            return position.error(format!("syntax error: expected a statement, found {token}"));
        };
        let word = w.value.to_ascii_uppercase();
        let schema_fix = "the tables of a script live in one catalog; leave the statement out";
        let instead = match word.as_str() {
            "USE" => schema_fix,
            "SHOW" | "DESCRIBE" | "DESC" | "HELP" | "CLEAR" | "QUIT" | "EXIT" | "SOURCE" => {
                "a job has no console; `streamjob explain` shows the plan"
            }
            "ALTER" => "change the CREATE TABLE statement",
            "ADD" | "REMOVE" | "LOAD" | "UNLOAD" | "INSTALL" => {
                "connectors and functions are built in; leave the statement out"
            }
            "UPDATE" | "DELETE" | "TRUNCATE" | "MERGE" | "CALL" | "ANALYZE" => {
                "a stream job only inserts: INSERT INTO … SELECT …"
            }
            "STOP" => "use `streamjob stop`",
            "COMPILE" | "EXECUTE" => "plans are made from the script on every start; write the INSERT itself",
            "END" => "END closes EXECUTE STATEMENT SET BEGIN, which is missing",
            _ => {
                return position
                    .error(format!("syntax error: expected a statement, found {}", w.value))
                    .fix("statements are SET, RESET, CREATE TABLE, CREATE VIEW, DROP, INSERT INTO, EXECUTE STATEMENT SET and EXPLAIN");
            }
        };
        refused(position, &format!("statement {word}"), instead)
    }

    fn set(&mut self) -> Result<Statement> {
        let position = self.here();
        if self.at_end() {
            return Err(position
                .error("SET without an option lists options only in a console")
                .fix("write SET 'key' = 'value'"));
        }
        if let Token::Word(w) = &self.parser.peek_token_ref().token {
            return Err(position
                .error(format!("syntax error: expected an option in single quotes after SET, found {}", w.value))
                .fix("write SET 'key' = 'value'"));
        }
        let key = self.text("an option in single quotes")?;
        self.expect(&Token::Eq)?;
        let value = self.text("its value in single quotes")?;
        Ok(Statement::Set { key, value })
    }

    fn create(&mut self, position: Position) -> Result<Statement> {
        let or_replace = self.words(&["OR", "REPLACE"]) || self.words(&["OR", "ALTER"]);
        let temporary = self.word("TEMPORARY");
        if self.word("TABLE") {
            if or_replace {
                return Err(refused(position, "CREATE OR REPLACE TABLE", "use CREATE TABLE"));
            }
            return Ok(Statement::CreateTable(Box::new(ddl::create_table(&mut self.parser, temporary)?)));
        }
        // OR REPLACE means nothing for a view: as in Flink, one that exists is an error.
        if self.word("VIEW") {
            let if_not_exists = self.words(&["IF", "NOT", "EXISTS"]);
            let name = names::table_name(&mut self.parser).map_err(from_parser)?;
            let mut columns = Vec::new();
            if self.parser.consume_token(&Token::LParen) {
                loop {
                    columns.push(self.parser.parse_identifier().map_err(from_parser)?);
                    if self.word("COMMENT") {
                        self.text("a comment in single quotes")?;
                    }
                    if !self.parser.consume_token(&Token::Comma) {
                        break;
                    }
                }
                self.expect(&Token::RParen)?;
            }
            if self.word("COMMENT") {
                self.text("a comment in single quotes")?;
            }
            self.parser.expect_keyword_is(Keyword::AS).map_err(from_parser)?;
            let query = self.query()?;
            return Ok(Statement::CreateView(Box::new(CreateView { name, if_not_exists, columns, query })));
        }
        let what = match &self.parser.peek_token_ref().token {
            Token::Word(w) => w.value.to_ascii_uppercase(),
            other => other.to_string(),
        };
        let instead = match what.as_str() {
            "FUNCTION" | "SYSTEM" => "use the built-in functions, or a Rust job",
            "CATALOG" | "DATABASE" => "the tables of a script live in one catalog; leave the statement out",
            "MATERIALIZED" | "MODEL" | "CONNECTION" => "use CREATE TABLE and INSERT INTO",
            _ => return Err(position.error(format!("syntax error: expected TABLE or VIEW after CREATE, found {what}"))),
        };
        Err(refused(position, &format!("CREATE {what}"), instead))
    }

    fn drop(&mut self, position: Position) -> Result<Statement> {
        self.word("TEMPORARY");
        let view = self.is("VIEW");
        if !view && !self.is("TABLE") {
            let what = self.parser.peek_token_ref().token.to_string().to_ascii_uppercase();
            return Err(refused(
                position,
                &format!("DROP {what}"),
                "only tables and views of the script can be dropped",
            ));
        }
        self.parser.next_token();
        let if_exists = self.words(&["IF", "EXISTS"]);
        let name = names::table_name(&mut self.parser).map_err(from_parser)?;
        Ok(Statement::Drop { view, name, if_exists })
    }

    fn insert(&mut self) -> Result<Insert> {
        let position = self.here();
        if self.is("UPSERT") {
            return Err(refused(position, "UPSERT INTO", "use INSERT INTO"));
        }
        self.parser.expect_keyword_is(Keyword::INSERT).map_err(from_parser)?;
        if self.is("OVERWRITE") {
            return Err(refused(position, "INSERT OVERWRITE", "use INSERT INTO; a stream only appends"));
        }
        self.parser.expect_keyword_is(Keyword::INTO).map_err(from_parser)?;
        self.word("TABLE");
        let table = names::table_name(&mut self.parser).map_err(from_parser)?;
        if self.is("PARTITION") {
            return Err(refused(self.here(), "INSERT INTO … PARTITION", "give the partition columns in the SELECT"));
        }
        let mut columns = Vec::new();
        if self.parser.peek_token_ref().token == Token::LParen && !self.parenthesised_query() {
            self.parser.next_token();
            columns = self.parser.parse_comma_separated(Parser::parse_identifier).map_err(from_parser)?;
            self.expect(&Token::RParen)?;
        }
        Ok(Insert { table, columns, query: self.query()?, position })
    }

    fn parenthesised_query(&self) -> bool {
        (1..8).map(|n| &self.parser.peek_nth_token_ref(n).token).find(|t| **t != Token::LParen).is_some_and(|t| {
            matches!(t, Token::Word(w) if w.quote_style.is_none()
                && matches!(w.keyword, Keyword::SELECT | Keyword::WITH | Keyword::VALUES))
        })
    }

    /// Behind EXECUTE STATEMENT SET: `BEGIN INSERT …; … END`.
    fn statement_set(&mut self, position: Position) -> Result<Vec<Insert>> {
        if !self.word("BEGIN") {
            let found = &self.parser.peek_token_ref().token;
            return Err(self.here().error(format!("syntax error: expected BEGIN after STATEMENT SET, found {found}")));
        }
        self.inserts_until_end(position)
    }

    fn inserts_until_end(&mut self, position: Position) -> Result<Vec<Insert>> {
        let mut inserts = Vec::new();
        while self.skip_semicolons() {
            if self.word("END") {
                if inserts.is_empty() {
                    return Err(position
                        .error("the statement set is empty")
                        .fix("put INSERT statements between BEGIN and END"));
                }
                return Ok(inserts);
            }
            if !self.is("INSERT") {
                let found = &self.parser.peek_token_ref().token;
                return Err(self
                    .here()
                    .error(format!("syntax error: expected INSERT or END in the statement set, found {found}")));
            }
            inserts.push(self.insert()?);
            if !self.is("END") {
                self.end()?;
            }
        }
        Err(position.error("syntax error: the statement set is not closed").fix("add END; behind its last INSERT"))
    }

    fn explain(&mut self) -> Result<Statement> {
        self.words(&["PLAN", "FOR"]);
        loop {
            let detail = ["ESTIMATED_COST", "CHANGELOG_MODE", "JSON_EXECUTION_PLAN", "PLAN_ADVICE"];
            if !detail.iter().any(|d| self.word(d)) && !self.parser.consume_token(&Token::Comma) {
                break;
            }
        }
        self.word("EXECUTE");
        if self.words(&["STATEMENT", "SET"]) {
            let position = self.here();
            return Ok(Statement::Explain(Explained::Inserts(self.statement_set(position)?)));
        }
        if self.is("INSERT") {
            return Ok(Statement::Explain(Explained::Inserts(vec![self.insert()?])));
        }
        Ok(Statement::Explain(Explained::Query(self.query()?)))
    }

    fn query(&mut self) -> Result<Box<Query>> {
        let query = self.parser.parse_query().map_err(from_parser)?;
        names::refuse_reserved_tables(&query)?;
        names::refuse_text_aliases(&query)?;
        Ok(query)
    }

    /// The end of a statement: `;` or the end of the script.
    fn end(&mut self) -> Result<()> {
        if self.at_end() {
            let _ = self.parser.consume_token(&Token::SemiColon);
            return Ok(());
        }
        if self.is("ON") {
            return Err(refused(self.here(), "ON CONFLICT", "make the sink's primary key the query's key"));
        }
        let found = &self.parser.peek_token_ref().token;
        Err(self.here().error(format!("syntax error: expected ';' or the end of the statement, found {found}")))
    }

    fn at_end(&self) -> bool {
        matches!(self.parser.peek_token_ref().token, Token::EOF | Token::SemiColon)
    }

    fn is(&self, word: &str) -> bool {
        word_is(&self.parser, word)
    }

    /// Takes the next word if it is this one.
    fn word(&mut self, word: &str) -> bool {
        let found = self.is(word);
        if found {
            self.parser.next_token();
        }
        found
    }

    /// Takes the next words if they are these.
    fn words(&mut self, words: &[&str]) -> bool {
        let all = words.iter().enumerate().all(|(n, word)| {
            matches!(&self.parser.peek_nth_token_ref(n).token,
                Token::Word(w) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(word))
        });
        if all {
            words.iter().for_each(|_| {
                self.parser.next_token();
            });
        }
        all
    }

    fn text(&mut self, what: &str) -> Result<String> {
        text(&mut self.parser, what).map_err(from_parser)
    }

    fn expect(&mut self, token: &Token) -> Result<()> {
        self.parser.expect_token(token).map(|_| ()).map_err(from_parser)
    }
}

/// Text in single quotes.
fn text(parser: &mut Parser, what: &str) -> Result<String, ParserError> {
    let token = parser.next_token();
    match token.token {
        Token::SingleQuotedString(s) | Token::UnicodeStringLiteral(s) => Ok(s),
        ref other => Err(parser_error(format!("expected {what}, found {other}"), Position::of_token(&token))),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
