//! Texts that go on in the next line: `'a'` and below it `'b'` are one text, as in standard SQL.

use crate::position::Position;
use datafusion_expr::sqlparser::tokenizer::{Token, TokenWithSpan};
use streamjob_core::Result;

/// Joins the parts of each text, at the place of the first. Two on one line are an error.
pub(super) fn joined(tokens: Vec<TokenWithSpan>) -> Result<Vec<TokenWithSpan>> {
    let mut out: Vec<TokenWithSpan> = Vec::with_capacity(tokens.len());
    // Where the last text is, while only blanks and comments have followed.
    let mut last: Option<(usize, u64)> = None;
    for token in tokens {
        match &token.token {
            Token::Whitespace(_) => {}
            Token::SingleQuotedString(part) => {
                if let Some((at, line)) = last {
                    if token.span.start.line == line {
                        return Err(Position::of_token(&token)
                            .error("syntax error: String literal continued on same line")
                            .fix("join texts with ||, or write the second part on its own line"));
                    }
                    if let Some(Token::SingleQuotedString(text)) = out.get_mut(at).map(|t| &mut t.token) {
                        text.push_str(part);
                        last = Some((at, token.span.end.line));
                        continue;
                    }
                }
                last = Some((out.len(), token.span.end.line));
            }
            _ => last = None,
        }
        out.push(token);
    }
    Ok(out)
}
