//! The engine with the texts that it has read, in place of a network.

use super::{Engine, Logits, Text};
use crate::error::ModelError;
use crate::network::Network;
use crate::prefixes::{Beginning, Prefixes};

/// A model whose work kernels of our own can do in place of its network, from the same weights.
#[allow(async_fn_in_trait, reason = "whoever waits names the model, and so knows what its futures are")]
pub trait Accelerated: Sized {
    /// What does the work without kernels, and once their device has failed.
    fn network(&self) -> &Network;

    /// Has an engine do the work from now on, or the network again.
    fn set_engine(&mut self, engine: Option<Engine>);

    /// Whether an engine does the work.
    fn has_engine(&self) -> bool;

    /// What the user should know about the engine since the last time, in one line.
    fn take_notice(&mut self) -> Option<String>;

    /// Tokens a second of a small piece of its work, by `seconds`, a clock. What is done for the first time does not count.
    ///
    /// # Errors
    /// The device fails.
    async fn speed(&mut self, seconds: &(dyn Fn() -> f64 + Sync)) -> Result<f64, ModelError>;

    /// The model with an engine.
    #[must_use]
    fn with_engine(mut self, engine: Engine) -> Self {
        self.set_engine(Some(engine));
        self
    }

    /// Has an engine do the work where it is faster than the network. Returns both [speeds](Self::speed), the network's
    /// first.
    ///
    /// # Errors
    /// The network's device fails. An engine that fails is left out, with a notice.
    async fn take_faster(
        &mut self,
        engine: Engine,
        seconds: &(dyn Fn() -> f64 + Sync),
    ) -> Result<[f64; 2], ModelError> {
        let network = self.speed(seconds).await?;
        self.set_engine(Some(engine));
        let kernels = self.speed(seconds).await?;
        if kernels < network {
            self.set_engine(None);
        }
        Ok([network, kernels])
    }
}

/// The kernels of a model, if it has any, and what became of them.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    pub(crate) kernels: Option<Kernels>,
    /// Until somebody asks.
    pub(crate) notice: Option<String>,
}

impl Beside {
    /// Puts kernels back that gave an answer. `None`, with a notice that says what goes on without them, when their device
    /// has failed: they are not asked any more.
    pub(crate) fn settle<T>(
        &mut self,
        kernels: Kernels,
        answer: Result<T, ModelError>,
        what: &str,
    ) -> Option<Result<T, ModelError>> {
        match answer {
            Err(error) if error.blames_device() => {
                self.notice = Some(format!("{error}; {what} without kernels of our own from now on"));
                None
            }
            answer => {
                self.kernels = Some(kernels);
                Some(answer)
            }
        }
    }
}

/// The engine, and the texts that it has read.
#[derive(Debug)]
pub(crate) struct Kernels {
    pub(crate) engine: Engine,
    texts: Prefixes<Text>,
}

impl Kernels {
    /// Nothing is read; `prefix_bytes` is the memory for what will be.
    pub(crate) fn new(engine: Engine, prefix_bytes: usize) -> Self {
        Self { engine, texts: Prefixes::new(prefix_bytes) }
    }

    /// Reads a text that is to grow to `n_most` tokens at most: the text, what the head makes of its last token, and how
    /// many of its tokens were not known.
    ///
    /// # Errors
    /// The tokens are none or not the model's, or the device fails.
    pub(crate) async fn read(&mut self, tokens: &[u32], n_most: usize) -> Result<(Text, Logits, usize), ModelError> {
        let keep = self.engine.can_keep(n_most);
        let known = if keep { self.texts.longest(tokens) } else { Text::default() };
        let n_known = known.tokens().len();
        let (text, logits) = self.engine.extend(&known, &tokens[n_known..]).await?;
        if keep {
            self.texts.keep(text.clone());
        }
        Ok((text, logits, tokens.len() - n_known))
    }

    /// The first `n` of a text's tokens, of which there are more, and how many of them were not known.
    ///
    /// # Errors
    /// As [`Kernels::read`].
    pub(crate) async fn beginning(&mut self, tokens: &[u32], n: usize) -> Result<(Text, usize), ModelError> {
        let known = self.texts.longest(tokens).first(n);
        let n_known = known.tokens().len();
        if n_known == n {
            return Ok((known, 0));
        }
        let (text, _) = self.engine.extend(&known, &tokens[n_known..n]).await?;
        self.texts.keep(text.clone());
        Ok((text, n - n_known))
    }
}
