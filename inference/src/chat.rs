//! Chat templates: messages to the one text that a chat model was trained on.
//!
//! Templates come with the model and are trusted to write its markers; what the messages say is not. Jinja has no notion
//! of where its output came from, so a template is rendered twice: as it is, and with invisible bounds around what the
//! messages say. If both texts are the same but for the bounds, these tell which bytes are the messages' own; otherwise
//! the template decides on what is said, and is refused for these messages.

#[cfg(test)]
mod tests;

use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, context};
use serde::Deserialize;
use thiserror::Error as ThisError;

use super::tokenizer::Segment;
use stepwise_core::prompt::Message;

/// InternLM2's template, as its `tokenizer_config.json` has it (internlm/internlm2-chat-7b, internlm/internlm2_5-7b-chat).
///
/// The text begins with `<s>` and so is encoded without special tokens added. Its remote code agrees: `build_inputs` in
/// `modeling_internlm2.py` writes no `<s>` where the tokenizer adds one, and `get_score` of the reward model encodes this
/// template's text with `add_special_tokens=False` and appends the reward token.
const INTERNLM2: &str = "{{ bos_token }}{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + \
    message['content'] + '<|im_end|>' + '\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}\
    {% endif %}";

/// The longest template that is read; published ones stay under 20 kB.
const MAX_TEMPLATE_BYTES: usize = 256 << 10;

/// Instructions that one rendering may take; a turn takes some dozens.
const FUEL: u64 = 1_000_000;

/// How deep macros and blocks may nest.
const MAX_DEPTH: usize = 64;

/// The longest text that is rendered, over the length of the messages.
const MAX_EXTRA_BYTES: usize = 1 << 20;

/// Why messages could not be brought into a chat's text.
#[derive(Clone, Debug, ThisError, PartialEq, Eq)]
pub enum ChatError {
    /// The configuration is not JSON of the expected shape.
    #[error("tokenizer_config.json cannot be read ({0}); download it again")]
    Config(String),
    /// The configuration has no template.
    #[error("tokenizer_config.json has no chat_template; name a prompt format that needs none")]
    NoTemplate,
    /// The template is too long to be one.
    #[error("the chat template has {0} bytes, which is too long; check tokenizer_config.json")]
    TooLong(usize),
    /// The template is not Jinja, or failed.
    #[error("the chat template failed: {0}")]
    Template(String),
    /// The template itself refused the messages, by `raise_exception`.
    #[error("the chat template refuses these messages: {0}")]
    Refused(String),
    /// The template ran too long.
    #[error("the chat template does not end within its limits; check tokenizer_config.json")]
    Endless,
    /// The text depends on what is said, so that what is trusted in it cannot be told.
    #[error("the chat template rewrites what the messages say; use a model whose template leaves it alone")]
    Rewrites,
}

/// A compiled chat template.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    bos_token: String,
    eos_token: String,
}

impl ChatTemplate {
    /// Reads `chat_template`, `bos_token` and `eos_token` of a `tokenizer_config.json`. Of several templates the one
    /// named `default` is taken.
    ///
    /// # Errors
    /// When the configuration is not readable, has no template, or one that is not Jinja.
    pub fn from_config(json: &[u8]) -> Result<Self, ChatError> {
        let config: Config = serde_json::from_slice(json).map_err(|error| ChatError::Config(error.to_string()))?;
        let source = match config.chat_template {
            Some(Templates::One(source)) => source,
            Some(Templates::Named(templates)) => {
                let default = templates.into_iter().find(|named| named.name == "default");
                default.ok_or(ChatError::NoTemplate)?.template
            }
            None => return Err(ChatError::NoTemplate),
        };
        let content = |token: Option<Token>| match token {
            Some(Token::Content(content) | Token::Full { content }) => content,
            None => String::new(),
        };
        Self::new(source, content(config.bos_token), content(config.eos_token))
    }

    /// InternLM2's template, for folders whose configuration has none.
    ///
    /// # Errors
    /// Never; it is compiled as any other.
    pub fn internlm2() -> Result<Self, ChatError> {
        Self::new(INTERNLM2.to_owned(), "<s>".to_owned(), "</s>".to_owned())
    }

    fn new(source: String, bos_token: String, eos_token: String) -> Result<Self, ChatError> {
        if source.len() > MAX_TEMPLATE_BYTES {
            return Err(ChatError::TooLong(source.len()));
        }
        // As `apply_chat_template` of transformers sets jinja2 up.
        let mut environment = Environment::new();
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.set_undefined_behavior(UndefinedBehavior::Lenient);
        environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
        environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.set_fuel(Some(FUEL));
        environment.set_recursion_limit(MAX_DEPTH);
        environment.add_function("raise_exception", |message: String| -> Result<String, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, "refused").with_source(Refusal(message)))
        });
        environment.add_template_owned("chat", source).map_err(|error| ChatError::Template(error.to_string()))?;
        Ok(Self { environment, bos_token, eos_token })
    }

    /// The text of `messages`, ready for [`Tokenizer::encode_segments`](super::tokenizer::Tokenizer::encode_segments)
    /// without special tokens added; with `add_generation_prompt` it ends where the assistant is to speak.
    ///
    /// Templates get bounded time and output. They cannot be kept from building large values in between, so a template
    /// is to be trusted as much as the folder that it came in.
    ///
    /// # Errors
    /// When the template fails, refuses the messages, does not end, or rewrites what they say.
    pub fn render(&self, messages: &[Message], add_generation_prompt: bool) -> Result<Vec<Segment>, ChatError> {
        let plain = self.text(messages, add_generation_prompt)?;
        let is_free = |bound: &char| messages.iter().all(|message| !message.content.contains(*bound));
        // Noncharacters, which Unicode reserves for such uses.
        let mut bounds = ('\u{fdd0}'..='\u{fdef}').filter(|bound| is_free(bound) && !plain.contains(*bound));
        let (Some(open), Some(close)) = (bounds.next(), bounds.next()) else { return Err(ChatError::Rewrites) };
        let bounded: Vec<Message> = messages.iter().map(|message| bound(message, open, close)).collect();
        let marked = self.text(&bounded, add_generation_prompt)?;
        let mut segments = Vec::new();
        let mut rest = marked.as_str();
        while let Some((trusted, after)) = rest.split_once(open) {
            let (said, after) = after.split_once(close).ok_or(ChatError::Rewrites)?;
            segments.push(Segment::Trusted(trusted.to_owned()));
            segments.push(Segment::Plain(said.to_owned()));
            rest = after;
        }
        segments.push(Segment::Trusted(rest.to_owned()));
        segments.retain(|segment| !segment.text().is_empty());
        // A bound that is left over makes the texts differ, too.
        if segments.iter().map(Segment::text).collect::<String>() != plain {
            return Err(ChatError::Rewrites);
        }
        Ok(segments)
    }

    fn text(&self, messages: &[Message], add_generation_prompt: bool) -> Result<String, ChatError> {
        let said: usize = messages.iter().map(|message| message.content.len()).sum();
        let turn = |message: &Message| context! { role => message.role.name(), content => message.content };
        let values = context! {
            messages => messages.iter().map(turn).collect::<Vec<_>>(),
            add_generation_prompt,
            bos_token => self.bos_token,
            eos_token => self.eos_token,
        };
        let template = self.environment.get_template("chat").map_err(failure)?;
        let mut text = Limited { bytes: Vec::new(), limit: 4 * said + MAX_EXTRA_BYTES };
        template.render_captured_to(values, &mut text).map_err(failure)?;
        String::from_utf8(text.bytes).map_err(|error| ChatError::Template(error.to_string()))
    }
}

/// Puts the bounds inside the message's outer white space, so that a template may trim it. What is blank holds no marker
/// and stays as it is, so that a template may ask whether anything is said.
fn bound(message: &Message, open: char, close: char) -> Message {
    let content = &message.content;
    let inner = content.trim();
    if inner.is_empty() {
        return message.clone();
    }
    let before = content.len() - content.trim_start().len();
    let after = &content[before + inner.len()..];
    Message { role: message.role, content: format!("{}{open}{inner}{close}{after}", &content[..before]) }
}

fn failure(error: Error) -> ChatError {
    let mut source = std::error::Error::source(&error);
    while let Some(inner) = source {
        if let Some(Refusal(message)) = inner.downcast_ref() {
            return ChatError::Refused(message.clone());
        }
        source = inner.source();
    }
    match error.kind() {
        ErrorKind::OutOfFuel | ErrorKind::WriteFailure => ChatError::Endless,
        _ => ChatError::Template(error.to_string()),
    }
}

/// What a template says by `raise_exception`.
#[derive(Debug, ThisError)]
#[error("{0}")]
struct Refusal(String);

/// Collects bytes up to a limit.
struct Limited {
    bytes: Vec<u8>,
    limit: usize,
}

impl std::io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.limit {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What is read of `tokenizer_config.json`.
#[derive(Deserialize)]
struct Config {
    chat_template: Option<Templates>,
    bos_token: Option<Token>,
    eos_token: Option<Token>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Templates {
    One(String),
    Named(Vec<Named>),
}

#[derive(Deserialize)]
struct Named {
    name: String,
    template: String,
}

/// A token named by its content alone or described in full.
#[derive(Deserialize)]
#[serde(untagged)]
enum Token {
    Content(String),
    Full { content: String },
}
