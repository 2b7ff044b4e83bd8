//! JSON as some servers write it: with `NaN` and `Infinity`, which are no JSON.

use serde_json::Value;

/// The words that Python's writer puts where JSON has no number.
const BARE: [&str; 4] = ["-Infinity", "Infinity", "-NaN", "NaN"];

/// Reads JSON in which bare `NaN` and `Infinity` stand for numbers, as `null`: whoever wants a number there finds none.
/// `None` for what is no JSON otherwise either, or has none of them.
pub(super) fn without_bare_numbers(bytes: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (mut plain, mut n_bare, mut in_string) = (String::with_capacity(text.len()), 0_u32, false);
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let word = BARE.iter().find(|word| !in_string && text[at..].starts_with(**word));
        if let Some(word) = word {
            plain.push_str("null");
            n_bare += 1;
            at += word.len();
            continue;
        }
        plain.push(c);
        at += c.len_utf8();
        match c {
            '"' => in_string = !in_string,
            // Whatever is escaped ends no string.
            '\\' if in_string => {
                if let Some(escaped) = text[at..].chars().next() {
                    plain.push(escaped);
                    at += escaped.len_utf8();
                }
            }
            _ => {}
        }
    }
    if n_bare == 0 {
        return None;
    }
    let value = serde_json::from_str(&plain).ok()?;
    tracing::warn!(n_bare, "the model server writes NaN or Infinity, which is no JSON; read as null");
    Some(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bare_numbers_that_are_none_are_read_as_null() {
        let read = |text: &str| without_bare_numbers(text.as_bytes());
        assert_eq!(
            read(r#"{"a": [NaN, -Infinity, 1.5], "b": "NaN \" Infinity\\", "c": Infinity}"#),
            Some(json!({ "a": [null, null, 1.5], "b": "NaN \" Infinity\\", "c": null }))
        );
        for text in [r#"{"a": 1}"#, "<html>NaN</html>", "NaNaN", "[NaN", ""] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
