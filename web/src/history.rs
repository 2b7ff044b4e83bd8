//! The tactics that were entered, for the arrow keys of the tactic line.

/// Entered texts, oldest first, and the place that the arrows have reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    entries: Vec<String>,
    /// How far back the arrows have gone; 0 is the text that is being typed.
    back: usize,
    draft: String,
}

impl History {
    /// Notes an entered text and starts at the newest again. The same text twice in a row is one entry.
    pub fn enter(&mut self, text: &str) {
        if self.entries.last().is_none_or(|last| last != text) {
            self.entries.push(text.to_owned());
        }
        (self.back, self.draft) = (0, String::new());
    }

    /// The entry before; `current` is what the line holds now, and is kept when it is being typed.
    pub fn older(&mut self, current: &str) -> Option<String> {
        if self.back == self.entries.len() {
            return None;
        }
        if self.back == 0 {
            self.draft = current.to_owned();
        }
        self.back += 1;
        self.entries.get(self.entries.len() - self.back).cloned()
    }

    /// The entry after, at last the text that was being typed.
    pub fn newer(&mut self) -> Option<String> {
        self.back = self.back.checked_sub(1)?;
        if self.back == 0 {
            return Some(std::mem::take(&mut self.draft));
        }
        self.entries.get(self.entries.len() - self.back).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::History;

    #[test]
    fn up_and_down() {
        let mut history = History::default();
        assert_eq!(history.older("x"), None);
        for text in ["intro h", "simp", "simp"] {
            history.enter(text);
        }
        assert_eq!(history.older("dra").as_deref(), Some("simp"));
        assert_eq!(history.older("simp").as_deref(), Some("intro h"));
        assert_eq!(history.older("intro h"), None);
        assert_eq!(history.newer().as_deref(), Some("simp"));
        assert_eq!(history.newer().as_deref(), Some("dra"));
        assert_eq!(history.newer(), None);
    }
}
