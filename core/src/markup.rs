//! Text, numbers and tables as HTML and XML take them, for pages.

pub mod table;

/// Appends a text in which no character means anything to a parser; what XML cannot hold is left out.
pub fn escape_into(out: &mut String, text: &str) {
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(char),
            '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => {}
            _ => out.push(char),
        }
    }
}

/// A number with its thousands apart: `12 345`.
#[must_use]
pub fn number(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (idx, digit) in digits.chars().enumerate() {
        if idx > 0 && (digits.len() - idx).is_multiple_of(3) {
            // A thin space that no line breaks at.
            out.push('\u{202f}');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_cannot_hold_is_left_out() {
        let mut out = String::new();
        escape_into(&mut out, "a<b & \"c\"\u{0}\u{1b}\n⊢ n✝");
        assert_eq!(out, "a&lt;b &amp; &quot;c&quot;\n⊢ n✝");
    }
}
