//! Which functions of the module run, so that those that proving needs are there first.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::parse::Parsed;

/// What was seen to run, for the package of this program: `lean/wasmtime/examples/profile.rs` writes it.
const KNOWN: &str = include_str!("profile.txt");
/// As wide as a line of the file may be.
const LINE: usize = 118;

/// Functions, by their places in the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// What proves, judges and answers questions.
    pub proving: BTreeSet<u32>,
    /// What starts Lean and imports its library.
    pub booting: BTreeSet<u32>,
}

/// Functions that run, and of which module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The [`fingerprint`](super::fingerprint) of the module.
    pub fingerprint: u64,
    pub ran: Ran,
}

impl Profile {
    /// The one that this program carries.
    #[must_use]
    pub fn known() -> Self {
        // A file that is none fits no module, which is then compiled in one piece; a test reads it.
        Self::parse(KNOWN).unwrap_or(Self { fingerprint: 0, ran: Ran::default() })
    }

    /// Reads what [`Profile::to_text`] writes: lines that begin with `#` are for people, then come the fingerprint and
    /// the places that ran while proving and only while booting, as runs of `distance from the last run+length`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace).peekable();
        let fingerprint = words.next()?.strip_prefix("module:").map(|digits| u64::from_str_radix(digits, 16))?.ok()?;
        let mut section = |name: &str| {
            words.next_if_eq(&name)?;
            let (mut places, mut at) = (BTreeSet::new(), 0_u32);
            while let Some(run) = words.next_if(|word| word.starts_with(|c: char| c.is_ascii_digit())) {
                let (gap, length) = run.split_once('+').unwrap_or((run, "1"));
                at = at.checked_add(gap.parse().ok()?)?;
                let end = at.checked_add(length.parse().ok()?)?;
                places.extend(at..end);
                at = end;
            }
            Some(places)
        };
        let ran = Ran { proving: section("proving:")?, booting: section("booting:")? };
        words.next().is_none().then_some(Self { fingerprint, ran })
    }

    /// The profile as a file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("module:{:016x}\n", self.fingerprint);
        for (name, places) in [("proving:", &self.ran.proving), ("booting:", &self.ran.booting)] {
            text.push_str(name);
            text.push('\n');
            let mut width = 0;
            for word in runs(places) {
                let is_full = width + word.len() > LINE;
                // Writing to a string cannot fail.
                let _ = write!(
                    text,
                    "{}{word}",
                    if width == 0 {
                        ""
                    } else if is_full {
                        "\n"
                    } else {
                        " "
                    }
                );
                width = if is_full { 0 } else { width } + word.len() + 1;
            }
            text.push('\n');
        }
        text
    }
}

/// Runs of neighbours, each with its distance from the end of the last.
fn runs(places: &BTreeSet<u32>) -> Vec<String> {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for &place in places {
        match runs.last_mut() {
            Some((first, length)) if *first + *length == place => *length += 1,
            _ => runs.push((place, 1)),
        }
    }
    let mut end = 0;
    let word = |(first, length): (u32, u32)| {
        let gap = first - end;
        end = first + length;
        if length == 1 { gap.to_string() } else { format!("{gap}+{length}") }
    };
    runs.into_iter().map(word).collect()
}

/// 64-bit FNV-1a of what tells functions apart: how long their code is, and what is exported under which name.
pub(super) fn fingerprint(module: &Parsed<'_>) -> u64 {
    let lengths = module.bodies.iter().flat_map(|body| (body.len() as u32).to_le_bytes());
    let exports = module.exports.iter().flat_map(|export| export.name.bytes().chain(export.index.to_le_bytes()));
    lengths
        .chain(exports)
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_of_this_program_can_be_read() {
        let profile = Profile::known();
        assert!(profile.ran.proving.len() > 5000 && profile.ran.booting.len() > 1000);
        assert!(profile.ran.proving.is_disjoint(&profile.ran.booting));
    }

    #[test]
    fn a_profile_is_read_as_it_was_written() {
        let ran = Ran {
            proving: (0..2000).filter(|place| place % 7 != 1).chain([147_000]).collect(),
            booting: (5000..6000).collect(),
        };
        let profile = Profile { fingerprint: 0x0123_4567_89ab_cdef, ran };
        let text = profile.to_text();
        assert!(text.lines().all(|line| line.len() <= LINE + 2));
        assert_eq!(Profile::parse(&format!("# for people\n{text}")), Some(profile));
        assert_eq!(Profile::parse(&text[..text.len() / 2]), None);
        assert_eq!(Profile::parse(""), None);
    }
}
