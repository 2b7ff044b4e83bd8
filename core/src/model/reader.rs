//! Prompts to tokens: the tokenizer, and the chat template where the model has one.

use super::chat::ChatTemplate;
use super::error::ModelError;
use super::tokenizer::{Segment, Tokenizer};
use crate::prompt::Prompt;

/// What reads prompts for a network.
#[derive(Debug)]
pub struct Reader {
    tokenizer: Tokenizer,
    template: Option<ChatTemplate>,
}

impl Reader {
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
                "the prompt is a chat, and the model has no chat template; name another format with `--prompt`"
                    .to_owned(),
            )),
        }
    }
}
