//! Samples drawn by the decode engine: several steps at a time on the device, and their texts here.

use rand_chacha::ChaCha8Rng;

use super::{Open, Sample, Writer};
use crate::engine::{Engine, Logits, STEPS, Text};
use crate::error::ModelError;
use crate::sampling::{self, Draw};

/// A sample's place among those that the device goes on with.
struct Lane<'t> {
    idx: usize,
    rng: ChaCha8Rng,
    /// `None` when the text has ended; the device goes on with it until there are few enough others.
    open: Option<Open<'t>>,
}

impl Writer<'_> {
    /// Draws `n` samples of what follows `text`, whose next token has these logits: with one seed the same ones as
    /// [`super::Generator::sample`], but for draws that rounding decides.
    ///
    /// # Errors
    /// The device fails, computes what is no number, or has no room for so many samples.
    pub(crate) async fn sample_with(
        self,
        engine: &mut Engine,
        text: &Text,
        logits: &Logits,
        draw: &Draw,
        n: usize,
        seed: u64,
    ) -> Result<Vec<Sample>, ModelError> {
        let mut done: Vec<Option<Sample>> = vec![None; n];
        let start = self.open()?;
        let lane = |idx| Lane { idx, rng: sampling::rng(seed, idx), open: Some(start.clone()) };
        let mut lanes: Vec<Lane<'_>> = (0..n).map(lane).collect();
        if lanes.is_empty() {
            return Ok(Vec::new());
        }
        let mut siblings = engine.siblings(text, logits, n, draw, self.sampling.max_tokens).await?;
        let mut n_left = self.sampling.max_tokens.max(1);
        loop {
            let n_steps = STEPS.min(n_left);
            n_left -= n_steps;
            let uniforms: Vec<f32> =
                (0..n_steps).flat_map(|_| lanes.iter_mut().map(Lane::uniform).collect::<Vec<_>>()).collect();
            let picks = siblings.draw(&uniforms).await?;
            let mut last = Vec::new();
            for picks in picks.chunks_exact(lanes.len()) {
                for (lane, pick) in lanes.iter_mut().zip(picks) {
                    let Some(mut open) = lane.open.take() else { continue };
                    if pick.log_probability.is_nan() {
                        return Err(ModelError::NotFinite);
                    }
                    match self.push(&mut open, pick.token, pick.log_probability)? {
                        Some(end) => done[lane.idx] = Some(self.finish(open, end)?),
                        None => lane.open = Some(open),
                    }
                }
                last = picks.iter().map(|pick| pick.token).collect();
            }
            let kept: Vec<usize> = (0..lanes.len()).filter(|place| lanes[*place].open.is_some()).collect();
            if kept.is_empty() || n_left == 0 {
                break;
            }
            // Binding anew costs about what a step does, so that it is done when half of the lanes are empty.
            if 2 * kept.len() <= lanes.len() {
                let last: Vec<u32> = kept.iter().map(|place| last[*place]).collect();
                siblings.keep(&kept, &last).await?;
                lanes.retain(|lane| lane.open.is_some());
            }
        }
        Ok(done.into_iter().flatten().collect())
    }
}

impl Lane<'_> {
    /// What its next token is drawn with; anything once it has ended.
    fn uniform(&mut self) -> f32 {
        if self.open.is_some() { sampling::uniform(&mut self.rng) } else { 0.0 }
    }
}

#[cfg(test)]
mod tests;
