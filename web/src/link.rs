//! Addresses: which page a hash means, the statement and tactics that a link carries, and the link to Lean's own editor.
//!
//! All of it stands behind the `#`, which a browser keeps to itself: a proof in a link is not sent to any server, and may
//! be long.

/// Where a hash leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// The page; `None` for a hash that names none.
    pub page: Option<PageName>,
    /// The statement to open.
    pub statement: Option<String>,
    /// The tactics to apply to it.
    pub tactics: Vec<String>,
    /// What a server beyond this machine wants to be shown.
    pub token: Option<String>,
    /// The problem of a campaign to show.
    pub problem: Option<u64>,
    /// Whether it invites to a campaign.
    pub is_invitation: bool,
}

/// A page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PageName {
    /// Proving by hand, with suggestions.
    #[default]
    Prove,
    /// Looking at a search.
    Tree,
    /// Watching a campaign.
    Campaign,
    /// Measuring GPUs.
    Benchmark,
}

impl PageName {
    /// All of them, in the order of the navigation.
    pub const ALL: [Self; 4] = [Self::Prove, Self::Tree, Self::Campaign, Self::Benchmark];

    /// What the navigation calls it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Prove => "Prove",
            Self::Tree => "Tree",
            Self::Campaign => "Campaign",
            Self::Benchmark => "Benchmark",
        }
    }

    /// Its hash, without anything behind it.
    #[must_use]
    pub fn hash(self) -> &'static str {
        match self {
            Self::Prove => "#/prove",
            Self::Tree => "#/tree",
            Self::Campaign => "#/campaign",
            Self::Benchmark => "#/benchmark",
        }
    }
}

/// Reads a hash. What it does not know it passes over, so that a link of a later version still leads somewhere.
#[must_use]
pub fn read(hash: &str) -> Target {
    let hash = hash.trim_start_matches('#');
    let (path, query) = hash.split_once('?').unwrap_or(if hash.starts_with('/') { (hash, "") } else { ("", hash) });
    let page = PageName::ALL.into_iter().find(|page| &page.hash()[1..] == path);
    let mut target = Target { page, ..Target::default() };
    for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        let value = decode(value);
        match key {
            "s" => target.statement = Some(value),
            "t" => target.tactics.push(value),
            "token" => target.token = Some(value),
            "problem" => target.problem = value.parse().ok(),
            "join" => target.is_invitation = true,
            _ => {}
        }
    }
    target
}

/// The hash of the Prove page with a statement and the tactics so far.
#[must_use]
pub fn prove(statement: &str, tactics: &[String]) -> String {
    let mut hash = PageName::Prove.hash().to_owned();
    if !statement.trim().is_empty() {
        hash.push_str("?s=");
        hash.push_str(&encode(statement));
        for tactic in tactics {
            hash.push_str("&t=");
            hash.push_str(&encode(tactic));
        }
    }
    hash
}

/// The hash of a campaign's problem.
#[must_use]
pub fn problem(id: u64) -> String {
    format!("{}?problem={id}", PageName::Campaign.hash())
}

/// The address at which Lean's own editor opens a file.
#[must_use]
pub fn live_lean(file: &str) -> String {
    // The padding is left out because some programs cut it off a link; lean4web reads it without.
    let packed = lz_str::compress_to_base64(file);
    format!("https://live.lean-lang.org/#codez={}", packed.trim_end_matches('='))
}

/// A text as part of an address: everything but letters, digits and `-_.~` is escaped.
#[must_use]
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// The text behind the escapes. What is no escape stays as it is.
#[must_use]
pub fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::{PageName, live_lean, problem, prove, read};

    #[test]
    fn a_link_comes_back_as_it_went() {
        let tactics = ["constructor".to_owned(), "· exact hq\n· exact hp & 100%".to_owned()];
        let hash = prove("theorem t (p q : Prop) : q ∧ p", &tactics);
        expect![
            "#/prove?s=theorem%20t%20%28p%20q%20%3A%20Prop%29%20%3A%20q%20%E2%88%A7%20p&t=constructor&t=%C2%B7%20exact%20hq%0A%C2%B7%20exact%20hp%20%26%20100%25"
        ]
        .assert_eq(&hash);
        let target = read(&hash);
        assert_eq!(target.page, Some(PageName::Prove));
        assert_eq!(target.statement.as_deref(), Some("theorem t (p q : Prop) : q ∧ p"));
        assert_eq!(target.tactics, tactics);
        assert_eq!(prove("  ", &tactics), "#/prove");
    }

    #[test]
    fn other_hashes() {
        assert_eq!(read("").page, None);
        assert_eq!(read("#/tree").page, Some(PageName::Tree));
        assert_eq!(read("#token=a%2Bb").token.as_deref(), Some("a+b"));
        assert_eq!(read("#/prove?token=ab&s=True").token.as_deref(), Some("ab"));
        assert_eq!(read("#/prove?s=100%&x=%zz").statement.as_deref(), Some("100%"));
        assert_eq!(read("#/nowhere?s").page, None);
        assert_eq!(read(&problem(12)).problem, Some(12));
        assert_eq!(read("#/campaign?problem=x").problem, None);
        assert!(read("#join=8467e8718b3c").is_invitation);
    }

    /// What `LZString.compressToBase64` of the npm package lz-string 1.5.0 gives.
    #[test]
    fn lean_has_an_editor() {
        expect!["https://live.lean-lang.org/#codez=C4Cwpg9gTmC2AEx4AoAO8Bc8AKUKoEoUR0tDN51ByIkswF54AjATwCh54wAPAQwGMkgC/ISAGnglAl+SsgA"].assert_eq(&live_lean("theorem t (p : Prop) (hp : p) : p ∧ p := by\n  exact ⟨hp, hp⟩\n"));
    }
}
