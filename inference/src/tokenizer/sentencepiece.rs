//! SentencePiece models: the file `tokenizer.model`, and text to its pieces and back.
//!
//! The file is `sentencepiece_model.proto` of <https://github.com/google/sentencepiece>; the numbers below are its field
//! numbers. Encoding and decoding give what the library gives, ids compared in the tests.

use std::collections::HashMap;

use super::normalizer::{Charsmap, Normalizer, Part, SPACE};
use super::prefixes::Prefixes;
use super::protobuf::{Value, fields};
use super::segmentation::{Lexicon, UNKNOWN_PENALTY, merge, most_probable};
use super::{TokenizerError, is_plain_text};

/// A model as its file describes it.
#[derive(Debug)]
pub(super) struct SentencePiece {
    pieces: Vec<Piece>,
    ids: HashMap<Box<str>, u32>,
    lexicon: Lexicon,
    algorithm: Algorithm,
    normalizer: Normalizer,
    /// User-defined pieces that are markers and not text.
    markers: Prefixes,
    /// The pieces of the 256 bytes, when what no piece covers is spelt in bytes.
    byte_ids: Option<Vec<u32>>,
    unk_id: u32,
    unk_surface: String,
    pub(super) bos_id: Option<u32>,
    pub(super) eos_id: Option<u32>,
}

#[derive(Debug)]
enum Algorithm {
    Bpe,
    Unigram { unknown_score: f32 },
}

#[derive(Debug)]
struct Piece {
    text: Box<str>,
    score: f32,
    kind: Kind,
}

/// `SentencePiece.Type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Normal,
    Unknown,
    Control,
    UserDefined,
    Unused,
    Byte(u8),
}

impl SentencePiece {
    /// Reads the bytes of a `tokenizer.model`.
    ///
    /// # Errors
    /// When they are no such model, or one of a type that is neither BPE nor Unigram.
    pub(super) fn read(file: &[u8]) -> Result<Self, TokenizerError> {
        let not_a_model = |what: &str| TokenizerError::NotSentencePiece(what.to_owned());
        let mut pieces = Vec::new();
        let mut trainer = Trainer::default();
        let mut normalizer = Normalizer::default();
        for field in fields(file) {
            let (number, value) = field.ok_or_else(|| not_a_model("its fields do not follow protobuf"))?;
            match (number, value) {
                (1, Value::Bytes(message)) => {
                    pieces.push(read_piece(message).ok_or_else(|| not_a_model("one of its pieces is malformed"))?);
                }
                (2, Value::Bytes(message)) => {
                    trainer = Trainer::read(message).ok_or_else(|| not_a_model("its trainer_spec is malformed"))?;
                }
                (3, Value::Bytes(message)) => {
                    normalizer =
                        read_normalizer(message).ok_or_else(|| not_a_model("its normalizer_spec is malformed"))?;
                }
                (5, Value::Bytes(message)) => {
                    let denormalizer =
                        read_normalizer(message).ok_or_else(|| not_a_model("its denormalizer_spec is malformed"))?;
                    if denormalizer.charsmap.is_some() {
                        return Err(TokenizerError::Unsupported("rules for decoding (denormalizer_spec)".to_owned()));
                    }
                }
                _ => {}
            }
        }
        if pieces.is_empty() {
            return Err(not_a_model("it has no pieces"));
        }
        if trainer.treat_whitespace_as_suffix {
            return Err(TokenizerError::Unsupported("white space as a suffix of words".to_owned()));
        }
        Self::new(pieces, trainer, normalizer)
    }

    fn new(pieces: Vec<Piece>, trainer: Trainer, normalizer: Normalizer) -> Result<Self, TokenizerError> {
        let not_a_model = |what: &str| TokenizerError::NotSentencePiece(what.to_owned());
        let n_pieces = u32::try_from(pieces.len()).map_err(|_| not_a_model("it has too many pieces"))?;
        let of_kind = |wanted: fn(&Piece) -> bool| {
            (0..n_pieces)
                .zip(&pieces)
                .filter(move |(_, piece)| wanted(piece))
                .map(|(id, piece)| (piece.text.clone(), id))
        };
        let algorithm = match trainer.model_type {
            1 => {
                let scores = pieces.iter().filter(|piece| piece.kind == Kind::Normal).map(|piece| piece.score);
                Algorithm::Unigram { unknown_score: scores.fold(f32::MAX, f32::min) - UNKNOWN_PENALTY }
            }
            2 => Algorithm::Bpe,
            3 => return Err(TokenizerError::Unsupported("SentencePiece models of type WORD".to_owned())),
            4 => return Err(TokenizerError::Unsupported("SentencePiece models of type CHAR".to_owned())),
            _ => return Err(not_a_model("its model_type is none of those that exist")),
        };
        let byte_ids = if trainer.byte_fallback {
            let mut ids = vec![None; 256];
            for (id, piece) in (0..n_pieces).zip(&pieces) {
                if let Kind::Byte(byte) = piece.kind {
                    ids[usize::from(byte)] = Some(id);
                }
            }
            let ids: Option<Vec<u32>> = ids.into_iter().collect();
            Some(ids.ok_or_else(|| not_a_model("it falls back to bytes, but lacks pieces for some of them"))?)
        } else {
            None
        };
        let unk_id = (0..n_pieces).zip(&pieces).find(|(_, piece)| piece.kind == Kind::Unknown).map(|(id, _)| id);
        let ids: HashMap<Box<str>, u32> = of_kind(|_| true).collect();
        let control = |name: &str| {
            ids.get(name).copied().filter(|&id| matches!(pieces[id as usize].kind, Kind::Control | Kind::UserDefined))
        };
        Ok(Self {
            lexicon: Lexicon {
                pieces: of_kind(|piece| match piece.kind {
                    Kind::Normal | Kind::Unused => true,
                    Kind::UserDefined => is_plain_text(&piece.text),
                    _ => false,
                })
                .collect(),
                frozen: of_kind(|piece| piece.kind == Kind::UserDefined && is_plain_text(&piece.text)).collect(),
                scores: pieces.iter().map(|piece| piece.score).collect(),
                unused: pieces.iter().map(|piece| piece.kind == Kind::Unused).collect(),
            },
            markers: of_kind(|piece| piece.kind == Kind::UserDefined && !is_plain_text(&piece.text)).collect(),
            algorithm,
            normalizer,
            byte_ids,
            unk_id: unk_id.ok_or_else(|| not_a_model("it has no piece for unknown characters"))?,
            unk_surface: trainer.unk_surface,
            bos_id: control(&trainer.bos_piece),
            eos_id: control(&trainer.eos_piece),
            ids,
            pieces,
        })
    }

    pub(super) fn n_pieces(&self) -> usize {
        self.pieces.len()
    }

    pub(super) fn id_of(&self, piece: &str) -> Option<u32> {
        self.ids.get(piece).copied()
    }

    pub(super) fn piece(&self, id: u32) -> Option<&str> {
        self.pieces.get(id as usize).map(|piece| &*piece.text)
    }

    /// The control pieces, which never come out of text by themselves.
    pub(super) fn controls(&self) -> impl Iterator<Item = (u32, &str)> {
        (0u32..).zip(&self.pieces).filter(|(_, piece)| piece.kind == Kind::Control).map(|(id, p)| (id, &*p.text))
    }

    /// Keeps text from being cut into the pieces that do not pass, because something else has taken them over.
    pub(super) fn retain(&mut self, keep: impl Fn(u32) -> bool) {
        for prefixes in [&mut self.lexicon.pieces, &mut self.lexicon.frozen, &mut self.markers] {
            prefixes.retain(&keep);
        }
    }

    /// Appends the ids of one stretch of text. `may_mark` says whether a marker may lie at these offsets, as start and
    /// end.
    pub(super) fn encode(&self, text: &str, may_mark: impl Fn(usize, usize) -> bool, ids: &mut Vec<u32>) {
        let marker = |at: usize| self.markers.of(&text[at..]).filter(|(length, _)| may_mark(at, at + length)).last();
        let mut after_unknown = false;
        for part in self.normalizer.normalize(text, marker) {
            let cuts = match &part {
                Part::Marker(id) => {
                    ids.push(*id);
                    after_unknown = false;
                    continue;
                }
                Part::Text(text) => match self.algorithm {
                    Algorithm::Bpe => merge(&self.lexicon, text),
                    Algorithm::Unigram { unknown_score } => most_probable(&self.lexicon, unknown_score, text),
                },
            };
            for (piece, id) in cuts {
                match (id, &self.byte_ids) {
                    (Some(id), _) => ids.push(id),
                    (None, Some(byte_ids)) => ids.extend(piece.bytes().map(|byte| byte_ids[usize::from(byte)])),
                    // Neighbouring unknown characters are one unknown piece.
                    (None, None) if after_unknown => {}
                    (None, None) => ids.push(self.unk_id),
                }
                after_unknown = id.is_none();
            }
        }
    }

    /// The text of `ids`. `added` gives the text of those ids that are not the model's own, empty for none.
    ///
    /// One space at the beginning belongs to the model and not to the text, when the model puts one there.
    pub(super) fn decode<'a>(&self, ids: &[u32], added: impl Fn(u32) -> Option<&'a str>) -> String {
        let strips = self.normalizer.add_dummy_prefix || self.normalizer.remove_extra_whitespaces;
        let mut text = String::new();
        let mut bytes = Vec::new();
        let mut stripped = false;
        for &id in ids {
            let piece = self.pieces.get(id as usize);
            match (added(id), piece.map(|piece| piece.kind)) {
                (None, Some(Kind::Byte(byte))) => {
                    bytes.push(byte);
                    continue;
                }
                _ => flush(&mut bytes, &mut text),
            }
            let (Some(piece), None) = (piece, added(id)) else {
                text.push_str(added(id).unwrap_or_default());
                continue;
            };
            match piece.kind {
                Kind::Control => {}
                Kind::Unknown => text.push_str(&self.unk_surface),
                _ => {
                    let mut surface = &*piece.text;
                    if strips
                        && text.is_empty()
                        && !stripped
                        && let Some(rest) = surface.strip_prefix(SPACE)
                    {
                        surface = rest;
                        // A model that removes white space removes all of it at the beginning.
                        stripped = !self.normalizer.remove_extra_whitespaces;
                    }
                    text.extend(surface.chars().map(|c| if c == SPACE { ' ' } else { c }));
                }
            }
        }
        flush(&mut bytes, &mut text);
        text
    }
}

/// Appends bytes as text, with a replacement character for each byte that is not part of a character.
fn flush(bytes: &mut Vec<u8>, text: &mut String) {
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    bytes.clear();
}

/// What is needed of `TrainerSpec`, with its defaults.
struct Trainer {
    model_type: u64,
    treat_whitespace_as_suffix: bool,
    byte_fallback: bool,
    unk_surface: String,
    bos_piece: String,
    eos_piece: String,
}

impl Default for Trainer {
    fn default() -> Self {
        Self {
            model_type: 1,
            treat_whitespace_as_suffix: false,
            byte_fallback: false,
            unk_surface: " \u{2047} ".to_owned(),
            bos_piece: "<s>".to_owned(),
            eos_piece: "</s>".to_owned(),
        }
    }
}

impl Trainer {
    fn read(message: &[u8]) -> Option<Self> {
        let mut trainer = Self::default();
        for field in fields(message) {
            match field? {
                (3, value) => trainer.model_type = value.integer()?,
                (24, value) => trainer.treat_whitespace_as_suffix = value.flag()?,
                (35, value) => trainer.byte_fallback = value.flag()?,
                (44, value) => trainer.unk_surface = value.text()?.to_owned(),
                (46, value) => trainer.bos_piece = value.text()?.to_owned(),
                (47, value) => trainer.eos_piece = value.text()?.to_owned(),
                _ => {}
            }
        }
        Some(trainer)
    }
}

fn read_piece(message: &[u8]) -> Option<Piece> {
    let (mut text, mut score, mut kind) = ("", 0.0, 1);
    for field in fields(message) {
        match field? {
            (1, value) => text = value.text()?,
            (2, value) => score = value.float()?,
            (3, value) => kind = value.integer()?,
            _ => {}
        }
    }
    let kind = match kind {
        1 => Kind::Normal,
        2 => Kind::Unknown,
        3 => Kind::Control,
        4 => Kind::UserDefined,
        5 => Kind::Unused,
        // `<0x0A>`
        6 => Kind::Byte(u8::from_str_radix(text.strip_prefix("<0x")?.strip_suffix('>')?, 16).ok()?),
        _ => return None,
    };
    Some(Piece { text: text.into(), score, kind })
}

fn read_normalizer(message: &[u8]) -> Option<Normalizer> {
    let mut normalizer = Normalizer::default();
    for field in fields(message) {
        match field? {
            (2, value) => {
                let blob = value.bytes()?;
                normalizer.charsmap = if blob.is_empty() { None } else { Some(Charsmap::read(blob)?) };
            }
            (3, value) => normalizer.add_dummy_prefix = value.flag()?,
            (4, value) => normalizer.remove_extra_whitespaces = value.flag()?,
            (5, value) => normalizer.escape_whitespaces = value.flag()?,
            _ => {}
        }
    }
    Some(normalizer)
}
