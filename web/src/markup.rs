//! Text as HTML and XML take it.

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
