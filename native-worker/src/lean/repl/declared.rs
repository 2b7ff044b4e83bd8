//! The theorems that a file declares, by their full names: the protocol has no request that lists them.
//!
//! A scan of words that follows namespaces is enough, because each name is then looked up by Lean: a wrong one is
//! answered with an error and not accepted.

/// The full names of all theorems and lemmas, in order. Examples have none.
pub(super) fn theorems(text: &str) -> Vec<String> {
    let mut scopes: Vec<&str> = Vec::new();
    let mut names = Vec::new();
    let text = without_comments(text);
    let mut words = split(&text).peekable();
    while let Some(word) = words.next() {
        match word {
            "namespace" => scopes.extend(words.next()),
            // An empty name stands for a scope that adds nothing to the names in it.
            "section" | "mutual" => scopes.push(""),
            "end" => {
                scopes.pop();
            }
            "theorem" | "lemma" => {
                let Some(name) = words.next() else { break };
                names.push(match name.strip_prefix("_root_.") {
                    Some(name) => name.to_owned(),
                    None => {
                        let parts = scopes.iter().copied().chain([name]).filter(|part| !part.is_empty());
                        parts.collect::<Vec<_>>().join(".")
                    }
                });
            }
            _ => {}
        }
    }
    names
}

/// The words outside comments and strings.
pub(super) fn words(text: &str) -> impl Iterator<Item = String> {
    let text = without_comments(text);
    split(&text).map(str::to_owned).collect::<Vec<_>>().into_iter()
}

fn split(text: &str) -> impl Iterator<Item = &str> {
    let in_name = |c: char| c.is_alphanumeric() || "_'!?.«»".contains(c);
    // `theorem t.{u}` leaves a dot at the end of the name.
    text.split(move |c| !in_name(c)).map(|word| word.trim_end_matches('.')).filter(|word| !word.is_empty())
}

/// The text with a space for each comment and string.
fn without_comments(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let passed = if rest.starts_with("--") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/-") {
            block_comment(rest)
        } else if c == '"' {
            string(rest)
        } else {
            kept.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        kept.push(' ');
        rest = &rest[passed..];
    }
    kept
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_u32, 0);
    while at < text.len() {
        let rest = &text.as_bytes()[at..];
        if rest.starts_with(b"/-") {
            depth += 1;
            at += 2;
        } else if rest.starts_with(b"-/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

fn string(text: &str) -> usize {
    let mut escaped = true; // of the opening quote
    for (at, c) in text.char_indices() {
        match c {
            '"' if !escaped => return at + 1,
            '\\' if !escaped => escaped = true,
            _ => escaped = false,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::theorems;

    #[test]
    fn names_follow_namespaces() {
        let text = "theorem a : True := trivial\nnamespace B.C\n/- theorem no /- -/ lemma -/\nlemma d.{u} : True := x\n\
                    section\nprivate theorem e' (s = \"theorem f \\\" \") : True\nend\ntheorem _root_.g : True\nend B.C\n\
                    theorem h -- theorem i\n  : True\nexample : True := trivial";
        assert_eq!(theorems(text), ["a", "B.C.d", "B.C.e'", "g", "h"]);
    }
}
