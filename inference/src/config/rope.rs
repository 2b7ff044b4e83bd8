//! Rotary positions: the base frequency, and how it is stretched for texts longer than the training's.

use serde_json::{Value, json};

use super::{ConfigError, Keys, require};

/// Rotary position embeddings (arXiv 2104.09864), in the convention that pairs dimension `i` with `i + head_dim / 2`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rope {
    /// The base: pair `i` turns by `theta^(-2i / head_dim)` radians per position.
    pub theta: f64,
    /// What becomes of it in long texts.
    pub scaling: RopeScaling,
}

/// How rotary positions are stretched, as Hugging Face's `modeling_rope_utils.py` computes it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RopeScaling {
    /// Not at all.
    None,
    /// Positions are divided by `factor`.
    Linear {
        /// At least 1.
        factor: f64,
    },
    /// In a text of `n > max_positions` tokens, `theta` grows by the factor
    /// `(factor * n / max_positions - (factor - 1))^(head_dim / (head_dim - 2))`.
    Dynamic {
        /// At least 1.
        factor: f64,
    },
    /// LLaMA 3.1: waves longer than `original_max_positions / low_freq_factor` are stretched by `factor`, those shorter
    /// than `original_max_positions / high_freq_factor` are kept, those between are interpolated.
    Llama3 {
        /// At least 1.
        factor: f64,
        /// Smaller than `high_freq_factor`.
        low_freq_factor: f64,
        /// Larger than `low_freq_factor`.
        high_freq_factor: f64,
        /// Positions of the training before the stretch.
        original_max_positions: usize,
    },
    /// YaRN (arXiv 2309.00071): waves that turn more often than `beta_fast` in `original_max_positions` are kept, those
    /// that turn less often than `beta_slow` are stretched by `factor`, those between are interpolated; queries and keys
    /// grow by `attention_factor`.
    Yarn {
        /// At least 1.
        factor: f64,
        /// Positions of the training before the stretch.
        original_max_positions: usize,
        /// Larger than `beta_slow`.
        beta_fast: f64,
        /// Above 0.
        beta_slow: f64,
        /// Above 0; by the paper `0.1 ln(factor) + 1`.
        attention_factor: f64,
    },
}

impl Rope {
    /// Reads `rope_theta` and `rope_scaling`, or the `rope_parameters` that transformers 5 writes for both.
    pub(super) fn from_keys(keys: &Keys) -> Result<Self, ConfigError> {
        let section = ["rope_parameters", "rope_scaling"].into_iter().find(|key| keys.get(key).is_some());
        let empty = serde_json::Map::new();
        let inner = match section {
            None => &empty,
            Some(key) => keys.get(key).and_then(Value::as_object).ok_or_else(|| keys.refusal(key, "an object"))?,
        };
        let inner = Keys(inner);
        let factor = |key| inner.number(key)?.ok_or_else(|| inner.refusal(key, "a number"));
        let kind = inner.get("rope_type").or_else(|| inner.get("type"));
        let scaling = match kind.map_or(Some("default"), Value::as_str) {
            Some("default") => RopeScaling::None,
            Some("linear") => RopeScaling::Linear { factor: factor("factor")? },
            Some("dynamic") => RopeScaling::Dynamic { factor: factor("factor")? },
            Some("llama3") => RopeScaling::Llama3 {
                factor: factor("factor")?,
                low_freq_factor: factor("low_freq_factor")?,
                high_freq_factor: factor("high_freq_factor")?,
                original_max_positions: inner
                    .size("original_max_position_embeddings")?
                    .ok_or_else(|| inner.refusal("original_max_position_embeddings", "a whole number"))?,
            },
            Some("yarn") => yarn(keys, &inner)?,
            _ => {
                let expected = "of type linear, dynamic, llama3 or yarn, or null";
                return Err(keys.refusal(section.unwrap_or("rope_scaling"), expected));
            }
        };
        let theta = keys.number("rope_theta")?.or(inner.number("rope_theta")?).unwrap_or(10_000.0);
        Ok(Self { theta, scaling })
    }

    pub(super) fn validate(&self, head_dim: usize) -> Result<(), ConfigError> {
        require(self.theta >= 1.0 && self.theta.is_finite(), "rope_theta", self.theta, || "at least 1".to_owned())?;
        let factor = match self.scaling {
            RopeScaling::None => return Ok(()),
            RopeScaling::Linear { factor } => factor,
            RopeScaling::Dynamic { factor } => {
                require(head_dim > 2, "head_dim", head_dim, || "more than 2 with dynamic rope_scaling".to_owned())?;
                factor
            }
            RopeScaling::Yarn {
                factor,
                original_max_positions,
                beta_fast: fast,
                beta_slow: slow,
                attention_factor,
            } => {
                require(self.theta > 1.0, "rope_theta", self.theta, || "above 1 with yarn rope_scaling".to_owned())?;
                require(slow > 0.0 && slow < fast && fast.is_finite(), "beta_slow", slow, || {
                    format!("above 0 and below beta_fast ({fast})")
                })?;
                let is_factor = attention_factor > 0.0 && attention_factor.is_finite();
                require(is_factor, "attention_factor", attention_factor, || "above 0".to_owned())?;
                require_positions(original_max_positions)?;
                factor
            }
            RopeScaling::Llama3 { factor, low_freq_factor: low, high_freq_factor: high, original_max_positions } => {
                require(low > 0.0 && low < high && high.is_finite(), "low_freq_factor", low, || {
                    format!("above 0 and below high_freq_factor ({high})")
                })?;
                require_positions(original_max_positions)?;
                factor
            }
        };
        require(factor >= 1.0 && factor.is_finite(), "factor", factor, || "at least 1".to_owned())
    }
}

/// YaRN's parameters as `_compute_yarn_parameters` of transformers reads them. Where `factor` and the growth of
/// `max_position_embeddings` over the original differ, `factor` counts, as in transformers 5, vLLM and llama.cpp.
fn yarn(keys: &Keys, inner: &Keys) -> Result<RopeScaling, ConfigError> {
    let original = inner.size("original_max_position_embeddings")?.or(keys.size("max_position_embeddings")?);
    let original_max_positions =
        original.ok_or_else(|| inner.refusal("original_max_position_embeddings", "a whole number"))?;
    let factor = inner.number("factor")?.ok_or_else(|| inner.refusal("factor", "a number"))?;
    if inner.flag("truncate")? == Some(false) {
        return Err(inner.refusal("truncate", "true, because the ends of the interpolation are whole dimensions here"));
    }
    let growth = |scale: f64| if factor <= 1.0 { 1.0 } else { 0.1 * scale * libm::log(factor) + 1.0 };
    // 0 counts as absent, as in Python.
    let scale = |key| Ok::<_, ConfigError>(inner.number(key)?.filter(|scale| *scale != 0.0));
    let attention_factor = match (inner.number("attention_factor")?, scale("mscale")?, scale("mscale_all_dim")?) {
        (Some(factor), ..) => factor,
        (None, Some(scale), Some(all)) => growth(scale) / growth(all),
        (None, ..) => growth(1.0),
    };
    Ok(RopeScaling::Yarn {
        factor,
        original_max_positions,
        beta_fast: scale("beta_fast")?.unwrap_or(32.0),
        beta_slow: scale("beta_slow")?.unwrap_or(1.0),
        attention_factor,
    })
}

fn require_positions(original_max_positions: usize) -> Result<(), ConfigError> {
    let is_some = original_max_positions > 0;
    require(is_some, "original_max_position_embeddings", original_max_positions, || "at least 1".to_owned())
}

impl RopeScaling {
    /// The value of `rope_scaling`. The older key `type` stands where both readers take it: InternLM2's own
    /// configuration class knows no other, and wants exactly two keys.
    pub(super) fn to_json(self) -> Value {
        match self {
            Self::None => Value::Null,
            Self::Linear { factor } => json!({ "type": "linear", "factor": factor }),
            Self::Dynamic { factor } => json!({ "type": "dynamic", "factor": factor }),
            Self::Llama3 { factor, low_freq_factor, high_freq_factor, original_max_positions } => json!({
                "rope_type": "llama3",
                "factor": factor,
                "low_freq_factor": low_freq_factor,
                "high_freq_factor": high_freq_factor,
                "original_max_position_embeddings": original_max_positions,
            }),
            Self::Yarn { factor, original_max_positions, beta_fast, beta_slow, attention_factor } => json!({
                "rope_type": "yarn",
                "factor": factor,
                "original_max_position_embeddings": original_max_positions,
                "beta_fast": beta_fast,
                "beta_slow": beta_slow,
                "attention_factor": attention_factor,
            }),
        }
    }
}
