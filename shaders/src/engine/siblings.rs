//! Sibling samples that go on from one prefix, a token each at every step.

use wgpu::{Buffer, BufferUsages};

use super::cache::{Cache, Prefix};
use super::pass::{Pass, Workspace};
use super::{Engine, EngineError, Logits, OP};
use crate::dispatch::Step;
use crate::rotary::Columns;
use crate::sampling::{self, Draw, Drawing, Pick};

/// Steps of one submit at most.
pub const STEPS: usize = 8;

/// Samples behind one prefix, all equally long.
#[derive(Debug)]
pub struct Siblings<'e> {
    engine: &'e mut Engine,
    prefix: Prefix,
    own: Cache,
    angles: Buffer,
    draw: Draw,
    /// The set of each sample that is left.
    sets: Vec<u32>,
    /// Own tokens of each sample.
    n_tokens: usize,
    /// Those that went through the layers: all, or all but the one that was drawn last.
    n_read: usize,
    /// Own tokens that there are angles for.
    n_most: usize,
    buffers: Buffers,
    steps: Steps,
}

/// What lies on the device for so many samples.
#[derive(Debug)]
struct Buffers {
    workspace: Workspace,
    state: Buffer,
    uniforms: Buffer,
    picks: Buffer,
    mapped: Buffer,
}

/// What is recorded for them.
#[derive(Debug)]
struct Steps {
    /// Reads every sample's last token, up to its logits.
    pass: Vec<Step>,
    /// Draws from those.
    draw: Step,
    /// Draws each sample's first token from the prefix's logits.
    first: Option<Step>,
}

/// What steps are bound to.
#[derive(Clone, Copy)]
struct Binding<'a> {
    prefix: &'a Prefix,
    own: &'a Cache,
    angles: &'a Buffer,
    draw: Draw,
    n: u32,
    buffers: &'a Buffers,
}

impl Engine {
    /// Lets `n` samples go on from a prefix whose next token has these logits. `angles` has cosine and sine of each pair of
    /// a head's numbers for each token of a sample that is to be read, `[n_tokens, head_dim / 2, 2]`.
    ///
    /// # Errors
    /// When there are more samples than fit at once, the prefix or the angles are not the model's, or the device fails.
    pub async fn siblings(
        &mut self,
        prefix: &Prefix,
        logits: &Logits,
        n: usize,
        draw: Draw,
        angles: &[f32],
    ) -> Result<Siblings<'_>, EngineError> {
        self.check_blocks()?;
        if self.shape.n_outputs != self.shape.vocab {
            return Err(EngineError::Shape(self.shape, "samples are drawn from the logits of a vocabulary"));
        }
        let per_token = self.shape.head_dim as usize;
        if prefix.n_tokens() == 0 || angles.is_empty() || !angles.len().is_multiple_of(per_token) {
            return Err(EngineError::Text("samples need a prefix, and angles for their tokens"));
        }
        let sets: Vec<u32> = (0..n as u32).collect();
        let buffers = self.buffers(&sets, prefix, 0).await?;
        let own = Cache::new(&self.gpu, self.shape, n as u32, STEPS).await?;
        let n_most = angles.len() / per_token;
        let angles = self.gpu.upload("angles", angles);
        let binding = Binding { prefix, own: &own, angles: &angles, draw, n: n as u32, buffers: &buffers };
        let mut steps = self.steps(binding).await?;
        steps.first = Some(self.draw_from(binding, logits));
        let prefix = prefix.clone();
        Ok(Siblings { engine: self, prefix, own, angles, draw, sets, n_tokens: 0, n_read: 0, n_most, buffers, steps })
    }

    /// Room for the samples that have these sets and have read so many tokens, and the kernels for as many.
    async fn buffers(&mut self, sets: &[u32], prefix: &Prefix, n_read: usize) -> Result<Buffers, EngineError> {
        let n = sets.len() as u32;
        let workspace = Workspace::new(&self.gpu, self.shape, n, n, prefix.n_tokens() as u32).await?;
        let needs = self.needs();
        self.kernels.prepare(&self.gpu, &needs, n).await?;
        let words: Vec<u32> = std::iter::once(n_read as u32).chain(sets.iter().copied()).collect();
        let n_picks = 8 * STEPS as u64 * u64::from(n);
        Ok(Buffers {
            workspace,
            state: self.gpu.state(&words),
            uniforms: self.gpu.storage("uniforms", n_picks / 2, BufferUsages::COPY_DST),
            picks: self.gpu.storage("picks", n_picks, BufferUsages::COPY_SRC),
            mapped: self.gpu.mappable(n_picks),
        })
    }

    async fn steps(&self, binding: Binding<'_>) -> Result<Steps, EngineError> {
        self.gpu.attempt(OP, || self.bound_steps(binding)).await?
    }

    fn bound_steps(&self, binding: Binding<'_>) -> Result<Steps, EngineError> {
        let Binding { prefix, own, angles, n, buffers, .. } = binding;
        let pass = Pass {
            engine: self,
            workspace: &buffers.workspace,
            n_columns: n,
            columns: Columns::Samples,
            angles,
            state: &buffers.state,
            prefix: &prefix.cache,
            n_prefix: prefix.n_tokens() as u32,
            own: Some(own),
        };
        let mut steps = pass.embedding();
        steps.extend(pass.blocks()?);
        steps.extend(pass.head(0, n)?);
        Ok(Steps { pass: steps, draw: self.draw_step(binding, &buffers.workspace.logits, false), first: None })
    }

    fn draw_from(&self, binding: Binding<'_>, Logits(logits): &Logits) -> Step {
        self.draw_step(binding, logits, true)
    }

    fn draw_step(&self, Binding { draw, n, buffers, .. }: Binding<'_>, logits: &Buffer, is_shared: bool) -> Step {
        let n_tokens = self.shape.vocab;
        let shape = sampling::Shape { n_samples: n, n_tokens, is_shared, n_steps: STEPS as u32 };
        let Buffers { workspace, state, uniforms, picks, .. } = buffers;
        let drawing = Drawing { shape, draw, logits, uniforms, state, tokens: &workspace.tokens, picks };
        self.kernels.sampler.bind(&self.gpu, drawing)
    }
}

impl Siblings<'_> {
    /// Samples that are left.
    #[must_use]
    pub fn n_samples(&self) -> usize {
        self.sets.len()
    }

    /// Dispatches of a step, with its draw.
    #[must_use]
    pub fn n_dispatches(&self) -> usize {
        self.steps.pass.len() + 1
    }

    /// Draws as many tokens for each sample as there are rows of uniform numbers, `[n_steps, n_samples]` from 0 to below 1
    /// and at most [`STEPS`] rows, in one submit that is read back once: `[n_steps, n_samples]`.
    ///
    /// # Errors
    /// When there are more steps than that or than angles, or the device fails.
    pub async fn draw(&mut self, uniforms: &[f32]) -> Result<Vec<Pick>, EngineError> {
        let n = self.sets.len();
        let n_steps = uniforms.len() / n;
        let is_whole = (1..=STEPS).contains(&n_steps) && uniforms.len() == n * n_steps;
        if !is_whole || self.n_tokens + n_steps > self.n_most + 1 {
            return Err(EngineError::Text(
                "there are more or fewer draws than one submit takes, or no angles for them",
            ));
        }
        self.make_room(self.n_tokens + n_steps).await?;
        // The row of a draw is its number modulo the rows, on the device too.
        let rows: Vec<usize> = (self.n_tokens..self.n_tokens + n_steps).map(|draw| draw % STEPS).collect();
        let mut placed = vec![0.0; STEPS * n];
        for (row, uniforms) in rows.iter().zip(uniforms.chunks_exact(n)) {
            placed[row * n..][..n].copy_from_slice(uniforms);
        }
        let Buffers { uniforms, picks, mapped, .. } = &self.buffers;
        let gpu = &self.engine.gpu;
        gpu.queue.write_buffer(uniforms, 0, bytemuck::cast_slice(&placed));
        let mut steps = Vec::with_capacity(n_steps * self.n_dispatches());
        let mut n_left = n_steps;
        if self.n_read == self.n_tokens {
            // The logits are there already.
            steps.push(self.steps.first.take().unwrap_or_else(|| self.steps.draw.clone()));
            n_left -= 1;
        }
        for _ in 0..n_left {
            steps.extend(self.steps.pass.iter().cloned());
            steps.push(self.steps.draw.clone());
        }
        gpu.attempt(OP, || gpu.submit(gpu.record_and_copy(&steps, picks, mapped))).await?;
        let words: Vec<[u32; 2]> = gpu.download(OP, mapped).await?;
        self.n_tokens += n_steps;
        self.n_read = self.n_tokens - 1;
        let pick = |[token, bits]: [u32; 2]| Pick { token, log_probability: f32::from_bits(bits) };
        Ok(rows.iter().flat_map(|row| &words[row * n..][..n]).copied().map(pick).collect())
    }

    /// Appends a token to each sample instead of drawing one, and returns the logits of the tokens that follow,
    /// `[n_samples, vocab]`: for tests of a device, and for whoever chooses otherwise.
    ///
    /// # Errors
    /// When a drawn token was not read yet, there are not as many tokens, one is not the model's, there are no angles for
    /// them, or the device fails.
    pub async fn push(&mut self, tokens: &[u32]) -> Result<Vec<f32>, EngineError> {
        let vocab = self.engine.shape.vocab;
        let is_known = tokens.len() == self.sets.len() && tokens.iter().all(|token| *token < vocab);
        if !is_known || self.n_tokens == self.n_most || self.n_read < self.n_tokens {
            return Err(EngineError::Text(
                "there are other samples, other tokens, no angles, or draws that are not read",
            ));
        }
        self.make_room(self.n_tokens + 1).await?;
        self.steps.first = None;
        let gpu = &self.engine.gpu;
        gpu.queue.write_buffer(&self.buffers.workspace.tokens, 0, bytemuck::cast_slice(tokens));
        gpu.attempt(OP, || gpu.run(&self.steps.pass)).await?;
        self.n_tokens += 1;
        self.n_read += 1;
        let n_words = u64::from(vocab) * tokens.len() as u64;
        Ok(bytemuck::cast_vec(gpu.read_words(OP, &self.buffers.workspace.logits, 0..n_words).await?))
    }

    /// Keeps these samples, in this order and none twice; `last` has the token of each that was drawn last.
    ///
    /// # Errors
    /// When there is no such sample, no token was drawn, or the device fails.
    pub async fn keep(&mut self, samples: &[usize], last: &[u32]) -> Result<(), EngineError> {
        let vocab = self.engine.shape.vocab;
        let sets: Option<Vec<u32>> = samples.iter().map(|idx| self.sets.get(*idx).copied()).collect();
        let is_known = last.len() == samples.len() && last.iter().all(|token| *token < vocab);
        let sets = sets.filter(|sets| !sets.is_empty() && is_known && self.n_read < self.n_tokens);
        self.sets = sets.ok_or(EngineError::Text("there is no such sample, or no token that was drawn last"))?;
        self.buffers = self.engine.buffers(&self.sets, &self.prefix, self.n_read).await?;
        let tokens = &self.buffers.workspace.tokens;
        self.engine.gpu.queue.write_buffer(tokens, 0, bytemuck::cast_slice(last));
        self.rebind().await
    }

    /// Makes room for so many own tokens of each sample.
    async fn make_room(&mut self, n_tokens: usize) -> Result<(), EngineError> {
        // The first draw is of a prefix's logits, for which there is room from the beginning.
        if self.own.grow(&self.engine.gpu, self.engine.shape, n_tokens).await? { self.rebind().await } else { Ok(()) }
    }

    async fn rebind(&mut self) -> Result<(), EngineError> {
        let Self { prefix, own, angles, draw, sets, buffers, .. } = self;
        let binding = Binding { prefix, own, angles, draw: *draw, n: sets.len() as u32, buffers };
        self.steps = self.engine.steps(binding).await?;
        Ok(())
    }
}
