//! Prompts to tokens: the tokenizer, and the chat template where the model has one.

use super::chat::{ChatError, ChatTemplate};
use super::config::{Architecture, ModelConfig};
use super::error::ModelError;
use super::tokenizer::{Segment, Tokenizer, TokenizerError};
use stepwise_core::prompt::Prompt;

/// What reads prompts for a network.
#[derive(Debug)]
pub struct Reader {
    tokenizer: Tokenizer,
    template: Option<ChatTemplate>,
}

/// Why a model's files give no reader.
#[derive(Debug, thiserror::Error)]
pub enum ReaderError {
    /// The tokenizer is broken, or not this model's.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// The chat template is broken.
    #[error(transparent)]
    Chat(#[from] ChatError),
}

impl Reader {
    /// The reader of a model, from its tokenizer and the bytes of the files beside it: tokenizer_config.json, where the
    /// chat template stands too, and special_tokens_map.json.
    ///
    /// # Errors
    /// A file is broken, or the tokenizer has more tokens than the model embeds.
    pub fn of_model(
        config: &ModelConfig,
        mut tokenizer: Tokenizer,
        tokenizer_config: Option<&[u8]>,
        special_tokens_map: Option<&[u8]>,
    ) -> Result<Self, ReaderError> {
        for more in [tokenizer_config, special_tokens_map].into_iter().flatten() {
            tokenizer = tokenizer.with_config(more)?;
        }
        tokenizer.check_vocabulary(config.vocab_size)?;
        // InternLM2's first releases came without a template in their configuration.
        let is_chat_internlm2 =
            config.architecture == Architecture::InternLm2 && tokenizer.id_of("<|im_start|>").is_some();
        let template = match tokenizer_config.map(ChatTemplate::from_config) {
            Some(Ok(template)) => Some(template),
            Some(Err(ChatError::NoTemplate)) | None if is_chat_internlm2 => Some(ChatTemplate::internlm2()?),
            Some(Err(ChatError::NoTemplate)) | None => None,
            Some(Err(broken)) => return Err(broken.into()),
        };
        Ok(Self::new(tokenizer, template))
    }

    /// A tokenizer and, for a model that was trained on chats, its template.
    #[must_use]
    pub fn new(tokenizer: Tokenizer, template: Option<ChatTemplate>) -> Self {
        Self { tokenizer, template }
    }

    /// The tokenizer.
    #[must_use]
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Whether it can read chats.
    #[must_use]
    pub fn has_template(&self) -> bool {
        self.template.is_some()
    }

    /// The tokens of a prompt that the model is to answer.
    ///
    /// # Errors
    /// It is a chat and there is no template, or the template or the tokenizer fails.
    pub fn prompt(&self, prompt: &Prompt) -> Result<Vec<u32>, ModelError> {
        self.tokens(prompt, true)
    }

    /// The tokens of a prompt that holds the answer already.
    ///
    /// # Errors
    /// As [`Reader::prompt`].
    pub fn answered(&self, prompt: &Prompt) -> Result<Vec<u32>, ModelError> {
        self.tokens(prompt, false)
    }

    fn tokens(&self, prompt: &Prompt, to_be_answered: bool) -> Result<Vec<u32>, ModelError> {
        match (prompt, &self.template) {
            (Prompt::Text(text), _) => Ok(self.tokenizer.encode_segments(&[Segment::Plain(text.clone())], true)?),
            (Prompt::Chat(messages), Some(template)) => {
                Ok(self.tokenizer.encode_segments(&template.render(messages, to_be_answered)?, false)?)
            }
            (Prompt::Chat(_), None) => Err(ModelError::Unsuited(
                "the prompt is a chat, and the model has no chat template; take another prompt format".to_owned(),
            )),
        }
    }
}
