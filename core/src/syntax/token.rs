//! Lean's surface tokens, as far as a filter or a file splitter needs them: identifiers, comments, strings, the rest.
//!
//! Lean's real token table grows with every `notation`; this lexer follows the fixed part of Lean's own tokenizer
//! (white space, comments, identifiers, literals; `Lean/Parser/Basic.lean`) and takes every other character for a
//! symbol of its own. It never fails: what Lean would refuse becomes an [`TokenKind::Unclosed`] or a symbol.

use std::ops::Range;

use super::name::{is_id_rest, is_id_start};

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// An identifier or a keyword, dots and `«»` included: `Nat.succ`, `h₁'`, `«my name».x`, `theorem`.
    Word,
    /// `#` and the letters after it: `#eval`.
    Hash,
    /// A numeral: `12`, `0xff`, `1.5e3`.
    Number,
    /// A string literal, raw or not, or a piece of an interpolated one: pieces end at `{` and go on at `}`.
    Str,
    /// A character literal.
    Char,
    /// A comment, doc comments included.
    Comment,
    /// A comment, string or `«` that the text's end leaves open.
    Unclosed,
    /// One character of anything else, or one of `:=`, `=>`, `⁻¹'`, `''`, `..`.
    Symbol,
}

/// One token; white space is between tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub kind: TokenKind,
    /// Its place in the text, in bytes.
    pub span: Range<usize>,
    /// The 1-based line on which it starts.
    pub line: u32,
    /// Whether it is the first on its line, indentation aside.
    pub begins_line: bool,
}

impl Token {
    /// The token's text.
    #[must_use]
    pub fn text<'a>(&self, source: &'a str) -> &'a str {
        &source[self.span.clone()]
    }
}

/// All tokens of a text, comments included.
#[must_use]
pub fn tokens(source: &str) -> Vec<Token> {
    let mut lexer = Lexer { source, at: 0, tokens: Vec::new(), holes: Vec::new() };
    while lexer.skip_white_space() {
        lexer.token();
    }
    for hole in lexer.holes {
        lexer.tokens[hole.piece_idx].kind = TokenKind::Unclosed;
    }
    lexer.tokens
}

struct Lexer<'a> {
    source: &'a str,
    at: usize,
    tokens: Vec<Token>,
    /// The interpolation holes that are open, outermost first.
    holes: Vec<Hole>,
}

struct Hole {
    /// Braces open within it.
    depth: u32,
    /// The token of the string's piece before it.
    piece_idx: usize,
}

impl<'a> Lexer<'a> {
    /// False at the end of the text.
    fn skip_white_space(&mut self) -> bool {
        // A byte order mark is no white space to Rust, but it is nothing to Lean's reader of files either.
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}').len();
        self.at < self.source.len()
    }

    fn token(&mut self) {
        let start = self.at;
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return };
        let kind = if rest.starts_with("--") {
            self.at += rest.find('\n').unwrap_or(rest.len());
            TokenKind::Comment
        } else if rest.starts_with("/-") {
            self.block_comment()
        } else if first == '"' {
            self.at += 1;
            self.string(self.opens_interpolation(start))
        } else if let Some(hashes) = raw_string_hashes(rest) {
            self.raw_string(hashes)
        } else if first == '\'' && self.char_literal() {
            TokenKind::Char
        } else if first.is_ascii_digit() {
            self.number();
            TokenKind::Number
        } else if is_id_start(first) || first == '«' {
            self.word()
        } else if first == '#' && rest[1..].starts_with(|c: char| c.is_ascii_alphabetic()) {
            self.at += 1;
            self.skip_while(is_id_rest);
            TokenKind::Hash
        } else {
            return self.symbol(first);
        };
        self.push(kind, start);
    }

    fn block_comment(&mut self) -> TokenKind {
        let bytes = self.source.as_bytes();
        self.at += 2;
        let mut depth = 1_u32;
        while self.at < bytes.len() {
            match &bytes[self.at..] {
                [b'-', b'/', ..] => {
                    self.at += 2;
                    depth -= 1;
                    if depth == 0 {
                        return TokenKind::Comment;
                    }
                }
                [b'/', b'-', ..] => {
                    self.at += 2;
                    depth += 1;
                }
                _ => self.at += 1,
            }
        }
        TokenKind::Unclosed
    }

    /// The rest of a string literal, from behind its `"` or from behind the `}` of a hole.
    fn string(&mut self, interpolated: bool) -> TokenKind {
        let mut chars = self.rest().char_indices();
        while let Some((offset, c)) = chars.next() {
            match c {
                '\\' => {
                    chars.next();
                }
                '"' => {
                    self.at += offset + 1;
                    return TokenKind::Str;
                }
                '{' if interpolated => {
                    self.at += offset + 1;
                    self.holes.push(Hole { depth: 0, piece_idx: self.tokens.len() });
                    return TokenKind::Str;
                }
                _ => {}
            }
        }
        self.at = self.source.len();
        TokenKind::Unclosed
    }

    /// True when the `"` at `start` touches a word like `s!`, `m!` or `f!`: a string with holes.
    fn opens_interpolation(&self, start: usize) -> bool {
        self.tokens.last().is_some_and(|token| {
            token.span.end == start && token.kind == TokenKind::Word && token.text(self.source).ends_with('!')
        })
    }

    fn raw_string(&mut self, hashes: usize) -> TokenKind {
        let close = format!("\"{}", "#".repeat(hashes));
        let body = self.at + "r".len() + hashes + "\"".len();
        match self.source[body..].find(&close) {
            Some(offset) => {
                self.at = body + offset + close.len();
                TokenKind::Str
            }
            None => {
                self.at = self.source.len();
                TokenKind::Unclosed
            }
        }
    }

    /// Passes a character literal; false, and nothing passed, when the `'` is only a mark (`f '' s`).
    fn char_literal(&mut self) -> bool {
        let mut chars = self.rest().char_indices().skip(1);
        let escaped = match chars.next() {
            Some((_, '\\')) => chars.next().is_some(),
            Some((_, '\'' | '\n')) | None => return false,
            Some(_) => false,
        };
        // `\x41` and `\u{41}` have more than one character behind the backslash, though not many.
        let longest = if escaped { 9 } else { 0 };
        let close = chars.take(longest + 1).find(|(_, c)| *c == '\'');
        match close {
            Some((offset, _)) => {
                self.at += offset + 1;
                true
            }
            None => false,
        }
    }

    fn number(&mut self) {
        self.skip_while(|c| c.is_ascii_alphanumeric() || c == '_');
        // `1.5` is a number, `x.1.2` are projections and `[1..n]` is a range; for our purposes one digit decides.
        let mut rest = self.rest().chars();
        if rest.next() == Some('.') && rest.next().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
            self.skip_while(|c| c.is_ascii_alphanumeric() || c == '_');
        }
    }

    fn word(&mut self) -> TokenKind {
        loop {
            if self.rest().starts_with('«') {
                match self.rest().find('»') {
                    Some(offset) => self.at += offset + '»'.len_utf8(),
                    None => {
                        self.at = self.source.len();
                        return TokenKind::Unclosed;
                    }
                }
            } else {
                self.skip_while(is_id_rest);
            }
            let mut rest = self.rest().chars();
            if rest.next() == Some('.') && rest.next().is_some_and(|c| is_id_start(c) || c == '«') {
                self.at += 1;
            } else {
                return TokenKind::Word;
            }
        }
    }

    fn symbol(&mut self, first: char) {
        const LONGER: [&str; 5] = [":=", "=>", "⁻¹'", "''", ".."];
        let start = self.at;
        let longer = LONGER.into_iter().find(|symbol| self.rest().starts_with(symbol));
        self.at += longer.map_or(first.len_utf8(), str::len);
        match (first, self.holes.last_mut()) {
            ('{', Some(hole)) => hole.depth += 1,
            ('}', Some(Hole { depth: 0, .. })) => {
                // The hole closes and the string goes on.
                self.holes.pop();
                let kind = self.string(true);
                return self.push(kind, start);
            }
            ('}', Some(hole)) => hole.depth -= 1,
            _ => {}
        }
        self.push(TokenKind::Symbol, start);
    }

    fn push(&mut self, kind: TokenKind, start: usize) {
        let (last, last_line) = self.tokens.last().map_or((0..0, 1), |token| (token.span.clone(), token.line));
        let n_line_ends = self.source[last.start..start].bytes().filter(|byte| *byte == b'\n').count();
        let begins_line = self.tokens.is_empty() || self.source[last.end..start].contains('\n');
        self.tokens.push(Token { kind, span: start..self.at, line: last_line + n_line_ends as u32, begins_line });
    }

    fn rest(&self) -> &'a str {
        &self.source[self.at..]
    }

    fn skip_while(&mut self, wanted: impl Fn(char) -> bool) {
        let rest = self.rest();
        self.at += rest.find(|c| !wanted(c)).unwrap_or(rest.len());
    }
}

/// The number of `#` of a raw string that starts here: `r"..."` has none, `r##"..."##` two.
fn raw_string_hashes(rest: &str) -> Option<usize> {
    let behind_r = rest.strip_prefix('r')?;
    let behind_hashes = behind_r.trim_start_matches('#');
    behind_hashes.starts_with('"').then_some(behind_r.len() - behind_hashes.len())
}
