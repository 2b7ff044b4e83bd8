//! Hugging Face's `tokenizer.json`: its normaliser, pre-tokenizer, model and decoder, run on text with the added tokens
//! already found.
//!
//! The steps are those of `Tokenizer::encode` of the `tokenizers` crate, less its own search for added tokens, which
//! knows no trusted ranges.

use tokenizers::{
    Decoder, Model, ModelWrapper, NormalizedString, Normalizer, OffsetType, PostProcessor, PreTokenizedString,
    PreTokenizer, Split, Token, normalizer::Range,
};

use super::TokenizerError;
use super::added::{AddedToken, AddedTokens, Found};

/// A tokenizer of the `tokenizers` crate, used part by part.
#[derive(Debug)]
pub(super) struct HuggingFace {
    inner: tokenizers::Tokenizer,
    /// What stands for characters that the model does not know: it comes out of ordinary text, and says nothing.
    unk_id: Option<u32>,
}

impl HuggingFace {
    /// Reads the bytes of a `tokenizer.json`.
    pub(super) fn read(json: &[u8]) -> Result<Self, TokenizerError> {
        serde_json::from_slice::<serde::de::IgnoredAny>(json)
            .map_err(|error| TokenizerError::NotJson { file: "tokenizer.json", reason: error.to_string() })?;
        let inner = tokenizers::Tokenizer::from_bytes(json)
            .map_err(|error| TokenizerError::NotHuggingFace(error.to_string()))?;
        let unk_id = match inner.get_model() {
            ModelWrapper::BPE(model) => model.unk_token.as_deref().and_then(|token| model.token_to_id(token)),
            ModelWrapper::WordPiece(model) => model.token_to_id(&model.unk_token),
            ModelWrapper::WordLevel(model) => model.token_to_id(&model.unk_token),
            // A Unigram model keeps its own to itself, but gives it for text that it cannot know: a noncharacter.
            ModelWrapper::Unigram(model) => model.tokenize("\u{fffe}").ok().and_then(|tokens| Some(tokens.first()?.id)),
        };
        Ok(Self { inner, unk_id })
    }

    /// The tokens that the file itself adds.
    pub(super) fn added(&self) -> impl Iterator<Item = (u32, AddedToken)> {
        self.inner.get_added_tokens_decoder().into_iter().map(|(id, token)| {
            let tokenizers::AddedToken { content, single_word, lstrip, rstrip, special, .. } = token;
            (id, AddedToken { content, special, lstrip, rstrip, single_word })
        })
    }

    pub(super) fn max_id(&self) -> Option<u32> {
        self.inner.get_model().get_vocab().into_values().max()
    }

    pub(super) fn id_of(&self, token: &str) -> Option<u32> {
        self.inner.get_model().token_to_id(token)
    }

    pub(super) fn token(&self, id: u32) -> Option<String> {
        self.inner.get_model().id_to_token(id)
    }

    /// The ids of `text`, in which `found` was found; `add_special` lets the post-processor add what it adds.
    ///
    /// A model may hold a marker among its ordinary tokens and make it of ordinary text (Unigram models do). Such text is
    /// encoded again, split inside the marker.
    pub(super) fn encode(
        &self,
        text: &str,
        found: &[Found],
        added: &AddedTokens,
        add_special: bool,
    ) -> Result<Vec<u32>, TokenizerError> {
        let failed = |error: tokenizers::Error| TokenizerError::Encode(error.to_string());
        let mut barriers: Vec<usize> = Vec::new();
        loop {
            let encoding = self.encode_between(text, found, &barriers, added).map_err(failed)?;
            let n_barriers = barriers.len();
            for (&id, &(start, end)) in encoding.get_ids().iter().zip(encoding.get_offsets()) {
                let is_found = || found.iter().any(|found| found.id == id && found.range == (start..end));
                if Some(id) != self.unk_id && added.is_marker(id) && !is_found() {
                    let first = text.get(start..end).and_then(|text| text.chars().next()).map_or(0, char::len_utf8);
                    let barrier = start + first;
                    if first == 0 || barrier == end || barriers.contains(&barrier) {
                        let token = added.get(id).map(|token| token.content.clone()).unwrap_or_default();
                        return Err(TokenizerError::Smuggled { token });
                    }
                    barriers.push(barrier);
                }
            }
            if barriers.len() == n_barriers {
                let encoding = match self.inner.get_post_processor() {
                    Some(processor) => processor.process(encoding, None, add_special).map_err(failed)?,
                    None => encoding,
                };
                return Ok(encoding.get_ids().to_vec());
            }
            barriers.sort_unstable();
        }
    }

    fn encode_between(
        &self,
        text: &str,
        found: &[Found],
        barriers: &[usize],
        added: &AddedTokens,
    ) -> tokenizers::Result<tokenizers::Encoding> {
        let mut string = PreTokenizedString::from(text);
        string.split(|_, whole| split(&whole, found, barriers, added))?;
        if let Some(normalizer) = self.inner.get_normalizer() {
            string.normalize(|part| normalizer.normalize(part))?;
        }
        if let Some(pre_tokenizer) = self.inner.get_pre_tokenizer() {
            pre_tokenizer.pre_tokenize(&mut string)?;
        }
        string.tokenize(|part| self.inner.get_model().tokenize(part.get()))?;
        string.into_encoding(None, 0, OffsetType::Byte)
    }

    /// Puts the tokens' texts together as the file's decoder says.
    pub(super) fn decode(&self, tokens: Vec<String>) -> Result<String, TokenizerError> {
        match self.inner.get_decoder() {
            Some(decoder) => decoder.decode(tokens).map_err(|error| TokenizerError::Decode(error.to_string())),
            None => Ok(tokens.join(" ")),
        }
    }
}

/// Cuts the text at the tokens that were found, which keep their ids, and at the barriers.
fn split(
    whole: &NormalizedString,
    found: &[Found],
    barriers: &[usize],
    added: &AddedTokens,
) -> tokenizers::Result<Vec<Split>> {
    let mut splits = Vec::new();
    let mut slice = |start: usize, end: usize, tokens: Option<Vec<Token>>| {
        let part = whole.slice(Range::Original(start..end)).ok_or("a token's range is not a range of the text")?;
        splits.push(Split::from((part, tokens)));
        tokenizers::Result::Ok(())
    };
    let mut at = 0;
    let end_of_text = Found { range: whole.len_original()..whole.len_original(), id: 0 };
    for Found { range, id } in found.iter().chain([&end_of_text]) {
        for &border in barriers.iter().chain([&range.start]) {
            if at < border && border <= range.start {
                slice(at, border, None)?;
                at = border;
            }
        }
        if let (Some(token), false) = (added.get(*id), range.is_empty()) {
            slice(range.start, range.end, Some(vec![Token::new(*id, token.content.clone(), (0, range.len()))]))?;
        }
        at = range.end;
    }
    Ok(splits)
}
