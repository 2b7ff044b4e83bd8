//! Tokenizers: text to token ids and back, from tokenizer.json, a SentencePiece model or a GGUF file.
//!
//! A prompt is put together from text that we wrote, which may hold a model's markers, and text from outside, such as a
//! proof state, which must not: see [`Segment`].

mod added;
mod gguf;
mod hugging_face;
mod normalizer;
mod prefixes;
mod protobuf;
mod segmentation;
mod sentencepiece;
mod stream;
#[cfg(test)]
mod tests;
#[cfg(not(target_arch = "wasm32"))]
mod train;

use std::collections::HashMap;

use serde::Deserialize;
use thiserror::Error;

use self::added::{AddedToken, AddedTokens, Trusted, is_plain_text};
pub use self::gguf::GgufTokenizer;
use self::hugging_face::HuggingFace;
use self::sentencepiece::SentencePiece;
pub use self::stream::DecodeStream;
#[cfg(not(target_arch = "wasm32"))]
pub use self::train::train_byte_level_bpe;

/// Why a tokenizer could not be read or used.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TokenizerError {
    /// The file is not JSON at all.
    #[error("{file} is not JSON ({reason}); download it again")]
    NotJson { file: &'static str, reason: String },
    /// The file is JSON, but no tokenizer that the `tokenizers` crate reads.
    #[error("tokenizer.json is not a tokenizer that can be read ({0}); take it from the model's own folder")]
    NotHuggingFace(String),
    /// The file is not a SentencePiece model.
    #[error("tokenizer.model is not a SentencePiece model: {0}; take it from the model's own folder")]
    NotSentencePiece(String),
    /// The file asks for what is not implemented.
    #[error("tokenizer.model needs {0}, which is not supported; convert it to a tokenizer.json")]
    Unsupported(String),
    /// There are ids that the model has no embedding for.
    #[error(
        "the tokenizer has {n_tokens} tokens, but the model embeds only {n_embeddings}; take the tokenizer from the \
         model's own folder"
    )]
    TooLarge {
        /// The tokenizer's size.
        n_tokens: usize,
        /// The rows of the model's embedding.
        n_embeddings: usize,
    },
    /// Text from outside would become a marker, however it is split.
    #[error("the text holds the model's marker {token:?} where only plain text may stand; leave it out")]
    Smuggled { token: String },
    /// The tokenizer's own code failed.
    #[error("the tokenizer failed on a text: {0}")]
    Encode(String),
    /// The tokenizer's own code failed.
    #[error("the tokenizer failed to decode: {0}")]
    Decode(String),
    /// A tokenizer cannot be made.
    #[error("no tokenizer can be trained: {0}")]
    Train(String),
}

/// A piece of a prompt.
///
/// The pieces are encoded as one text, so that their borders leave no trace in the ids; markers are recognised only
/// where neighbouring trusted pieces hold all of their bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// Text that we wrote: markers in it (`<|im_start|>`) count.
    Trusted(String),
    /// Text from outside: what looks like a marker is read as the characters it consists of.
    Plain(String),
}

impl Segment {
    /// The text, whoever wrote it.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Trusted(text) | Self::Plain(text) => text,
        }
    }
}

/// A tokenizer with its added tokens.
#[derive(Debug)]
pub struct Tokenizer {
    backend: Backend,
    added: AddedTokens,
    bos_id: Option<u32>,
    eos_id: Option<u32>,
    /// Whether `add_special` puts the beginning-of-text token in front (SentencePiece only; a tokenizer.json has its
    /// own rule).
    adds_bos: bool,
    adds_eos: bool,
    vocab_size: usize,
}

#[derive(Debug)]
enum Backend {
    HuggingFace(Box<HuggingFace>),
    SentencePiece(Box<SentencePiece>),
}

impl Tokenizer {
    /// Reads a Hugging Face `tokenizer.json`.
    ///
    /// Its truncation and padding are not applied: prompts are cut by whoever knows what matters in them.
    ///
    /// # Errors
    /// When the bytes are not JSON or not a tokenizer.
    pub fn from_json(json: &[u8]) -> Result<Self, TokenizerError> {
        let inner = HuggingFace::read(json)?;
        let mut added = AddedTokens::default();
        added.extend(inner.added());
        Ok(Self::new(Backend::HuggingFace(Box::new(inner)), added))
    }

    /// Reads a SentencePiece `tokenizer.model` of type BPE or Unigram.
    ///
    /// Control pieces become special tokens. With `add_special` the beginning-of-text token is put in front, as
    /// InternLM2's and LLaMA's tokenizers do by default.
    ///
    /// # Errors
    /// When the bytes are no such model, or one of another type.
    pub fn from_sentencepiece(file: &[u8]) -> Result<Self, TokenizerError> {
        let inner = SentencePiece::read(file)?;
        let control = |text: &str| AddedToken {
            content: text.to_owned(),
            special: true,
            lstrip: false,
            rstrip: false,
            single_word: false,
        };
        let mut added = AddedTokens::default();
        added.extend(inner.controls().map(|(id, text)| (id, control(text))));
        let (bos_id, eos_id) = (inner.bos_id, inner.eos_id);
        let tokenizer = Self::new(Backend::SentencePiece(Box::new(inner)), added);
        Ok(Self { bos_id, eos_id, ..tokenizer })
    }

    fn new(backend: Backend, added: AddedTokens) -> Self {
        let vocab_size = 0;
        let mut tokenizer =
            Self { backend, added, bos_id: None, eos_id: None, adds_bos: true, adds_eos: false, vocab_size };
        tokenizer.count();
        tokenizer
    }

    /// Adds what a `tokenizer_config.json` or a `special_tokens_map.json` says: `added_tokens_decoder`, `bos_token`,
    /// `eos_token`, `add_bos_token`, `add_eos_token`.
    ///
    /// An added token takes its id over: InternLM2 names the unused piece 92543 `<|im_start|>` in this way, and its old
    /// text is no longer cut into that piece.
    ///
    /// # Errors
    /// When the bytes are not JSON of this shape.
    pub fn with_config(mut self, json: &[u8]) -> Result<Self, TokenizerError> {
        let config: Config = serde_json::from_slice(json)
            .map_err(|error| TokenizerError::NotJson { file: "tokenizer_config.json", reason: error.to_string() })?;
        self.added.extend(config.added_tokens_decoder);
        if let Backend::SentencePiece(inner) = &mut self.backend {
            inner.retain(|id| self.added.get(id).is_none());
            self.adds_bos = config.add_bos_token.unwrap_or(self.adds_bos);
            self.adds_eos = config.add_eos_token.unwrap_or(self.adds_eos);
        }
        let named = |name: Option<Named>| name.and_then(|name| self.id_of(name.content()));
        (self.bos_id, self.eos_id) = (named(config.bos_token).or(self.bos_id), named(config.eos_token).or(self.eos_id));
        self.count();
        Ok(self)
    }

    fn count(&mut self) {
        let max_id = match &self.backend {
            Backend::HuggingFace(inner) => inner.max_id(),
            Backend::SentencePiece(inner) => u32::try_from(inner.n_pieces()).ok().and_then(|n| n.checked_sub(1)),
        };
        self.vocab_size = max_id.max(self.added.max_id()).map_or(0, |id| id as usize + 1);
    }

    /// The ids of a text that we wrote: markers in it count. `add_special` adds what the tokenizer puts around a text,
    /// such as a beginning-of-text token; a chat template's text has that already.
    ///
    /// # Errors
    /// When the tokenizer's own code fails.
    pub fn encode(&self, text: &str, add_special: bool) -> Result<Vec<u32>, TokenizerError> {
        self.encode_segments(&[Segment::Trusted(text.to_owned())], add_special)
    }

    /// The ids of a text from outside: markers in it are plain characters.
    ///
    /// # Errors
    /// As [`Tokenizer::encode_segments`].
    pub fn encode_plain(&self, text: &str, add_special: bool) -> Result<Vec<u32>, TokenizerError> {
        self.encode_segments(&[Segment::Plain(text.to_owned())], add_special)
    }

    /// The ids of a prompt in pieces. They are the ids of the whole text wherever no marker stands in or reaches into a
    /// [`Segment::Plain`].
    ///
    /// # Errors
    /// When the tokenizer's own code fails, or makes a marker of plain text and cannot be kept from it.
    pub fn encode_segments(&self, segments: &[Segment], add_special: bool) -> Result<Vec<u32>, TokenizerError> {
        let mut text = String::new();
        let mut trusted = Trusted::default();
        for segment in segments {
            let start = text.len();
            text.push_str(segment.text());
            if matches!(segment, Segment::Trusted(_)) {
                trusted.push(start..text.len());
            }
        }
        let found = self.added.find(&text, &trusted);
        let inner = match &self.backend {
            Backend::HuggingFace(inner) => return inner.encode(&text, &found, &self.added, add_special),
            Backend::SentencePiece(inner) => inner,
        };
        let mut ids = Vec::new();
        ids.extend(self.bos_id.filter(|_| add_special && self.adds_bos));
        let mut at = 0;
        for token in &found {
            inner.encode(&text[at..token.range.start], |start, end| trusted.covers(at + start, at + end), &mut ids);
            ids.push(token.id);
            at = token.range.end;
        }
        inner.encode(&text[at..], |start, end| trusted.covers(at + start, at + end), &mut ids);
        ids.extend(self.eos_id.filter(|_| add_special && self.adds_eos));
        Ok(ids)
    }

    /// The text of `ids`, without special tokens when `skip_special`; ids that do not exist give nothing.
    ///
    /// # Errors
    /// When the tokenizer's decoder fails.
    pub fn decode(&self, ids: &[u32], skip_special: bool) -> Result<String, TokenizerError> {
        let added = |id| {
            let token: Option<&AddedToken> = self.added.get(id);
            token.map(|token| if skip_special && token.special { "" } else { &*token.content })
        };
        match &self.backend {
            Backend::SentencePiece(inner) => Ok(inner.decode(ids, added)),
            Backend::HuggingFace(inner) => {
                let token = |id| added(id).map(str::to_owned).or_else(|| inner.token(id));
                inner.decode(ids.iter().filter_map(|&id| token(id)).filter(|token| !token.is_empty()).collect())
            }
        }
    }

    /// Decodes one sample token by token, going on after `context`, the prompt's last few tokens (none: a new text).
    ///
    /// # Errors
    /// When the context cannot be decoded.
    pub fn decode_stream(&self, context: &[u32], skip_special: bool) -> Result<DecodeStream<'_>, TokenizerError> {
        DecodeStream::new(self, context, skip_special)
    }

    /// One more than the greatest id.
    #[must_use]
    pub fn vocab_size(&self) -> usize {
        self.vocab_size
    }

    /// Refuses a tokenizer that has ids without an embedding. Fewer tokens than embeddings is the padding that most
    /// models have.
    ///
    /// # Errors
    /// [`TokenizerError::TooLarge`].
    pub fn check_vocabulary(&self, n_embeddings: usize) -> Result<(), TokenizerError> {
        if self.vocab_size > n_embeddings {
            return Err(TokenizerError::TooLarge { n_tokens: self.vocab_size, n_embeddings });
        }
        Ok(())
    }

    /// The id of a token as the tokenizer writes it (`<|im_end|>`, `▁simp`).
    #[must_use]
    pub fn id_of(&self, token: &str) -> Option<u32> {
        self.added.id_of(token).or_else(|| match &self.backend {
            Backend::HuggingFace(inner) => inner.id_of(token),
            Backend::SentencePiece(inner) => inner.id_of(token).filter(|&id| self.added.get(id).is_none()),
        })
    }

    /// The token of an id as the tokenizer writes it.
    #[must_use]
    pub fn token(&self, id: u32) -> Option<String> {
        self.added.get(id).map(|token| token.content.clone()).or_else(|| match &self.backend {
            Backend::HuggingFace(inner) => inner.token(id),
            Backend::SentencePiece(inner) => inner.piece(id).map(str::to_owned),
        })
    }

    /// The beginning-of-text token, as far as the files name one.
    #[must_use]
    pub fn bos_id(&self) -> Option<u32> {
        self.bos_id
    }

    /// The end-of-text token, as far as the files name one.
    #[must_use]
    pub fn eos_id(&self) -> Option<u32> {
        self.eos_id
    }
}

/// What is read of `tokenizer_config.json` and `special_tokens_map.json`.
#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    added_tokens_decoder: HashMap<u32, AddedToken>,
    bos_token: Option<Named>,
    eos_token: Option<Named>,
    add_bos_token: Option<bool>,
    add_eos_token: Option<bool>,
}

/// A token named by its content alone or described in full.
#[derive(Deserialize)]
#[serde(untagged)]
enum Named {
    Content(String),
    Token(AddedToken),
}

impl Named {
    fn content(&self) -> &str {
        match self {
            Self::Content(content) | Self::Token(AddedToken { content, .. }) => content,
        }
    }
}
