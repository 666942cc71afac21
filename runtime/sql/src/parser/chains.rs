//! How long a chain of operators may be.

use crate::position::Position;
use datafusion_expr::sqlparser::keywords::Keyword;
use datafusion_expr::sqlparser::tokenizer::{Token, TokenWithSpan};
use streamjob_core::Result;

/// Operators in a row that an expression may have. Each is a level of the tree that everything behind the parser
/// descends into.
pub const MAX_OPERATORS: usize = 1000;

/// Refuses longer chains: they nest to the left, which the parser's own limit does not see.
pub(super) fn check_chains(tokens: &[TokenWithSpan]) -> Result<()> {
    // By open parenthesis, the operators so far.
    let mut chains = vec![0_usize];
    for token in tokens {
        let is_operator = match &token.token {
            Token::LParen => {
                chains.push(0);
                false
            }
            Token::RParen => {
                chains.truncate(chains.len().saturating_sub(1).max(1));
                false
            }
            Token::Comma | Token::SemiColon => {
                chains.last_mut().into_iter().for_each(|n| *n = 0);
                false
            }
            Token::Plus | Token::Minus | Token::Mul | Token::Div | Token::Mod | Token::StringConcat => true,
            Token::Word(w) if matches!(w.keyword, Keyword::AND | Keyword::OR) => true,
            Token::Word(w) if matches!(w.keyword, Keyword::SELECT | Keyword::FROM | Keyword::WHEN | Keyword::THEN) => {
                chains.last_mut().into_iter().for_each(|n| *n = 0);
                false
            }
            _ => false,
        };
        if let Some(chain) = chains.last_mut().filter(|_| is_operator) {
            *chain += 1;
            if *chain > MAX_OPERATORS {
                return Err(Position::of_token(token)
                    .error(format!("an expression has more than {MAX_OPERATORS} operators in a row"))
                    .fix("set parts of it in parentheses, use IN (…) for a list of values, or split it by views"));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use crate::parser::parse_script;

    #[test]
    fn long_chains_are_refused_with_their_place_and_long_lists_are_not() {
        let script = |expr: String| format!("INSERT INTO o\nSELECT {expr} FROM s;");
        for (operator, name) in [(" + 1", "+"), (" OR a = 1", "OR"), (" || 'x'", "||")] {
            parse_script(&script(format!("a{}", operator.repeat(1000)))).unwrap();
            let e = parse_script(&script(format!("a{}", operator.repeat(1001)))).unwrap_err();
            assert!(e.message().starts_with("line 2, column "), "{name}: {e}");
            assert!(e.message().contains("more than 1000 operators in a row"), "{name}: {e}");
        }
        parse_script(&script(format!("a IN (0{})", ", 1 + 1".repeat(5000)))).unwrap();
        parse_script(&script(format!("0{}", ", a + 1".repeat(5000)))).unwrap();
        parse_script(&script(format!("CASE{} END", " WHEN a = 1 AND b = 2 THEN 3".repeat(900)))).unwrap();
    }
}
