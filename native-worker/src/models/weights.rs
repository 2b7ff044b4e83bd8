//! In which format a model's weights are loaded: what the user chose, or the largest that fits into memory.

use std::fmt;

use stepwise_inference::weights::{Checkpoint, Format, WeightsError};

use super::{ModelDevice, memory};

/// What the user wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WeightsChoice {
    /// f32, or where memory is too small for it the largest format that fits.
    #[default]
    Auto,
    Format(Format),
}

/// Why no format was chosen.
#[derive(Debug, thiserror::Error)]
pub enum ChoiceError {
    /// The checkpoint does not go into the format.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// There is not enough memory.
    #[error("{}", too_large(.tried, .free, .fitting.as_ref()))]
    Memory {
        /// What was asked for, or the smallest that there is.
        tried: Size,
        /// Bytes.
        free: u64,
        /// The largest that would fit.
        fitting: Option<Size>,
    },
}

/// A format with the bytes that the model takes in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    pub format: Format,
    pub n_bytes: u64,
}

/// A format, and why it is not f32 where nobody asked for another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    pub format: Format,
    pub reason: Option<String>,
}

/// Of what is free, the share that `auto` gives to one model: keys and values, activations, a second model and Lean's
/// processes want some too.
const SHARE: f64 = 0.75;

impl WeightsChoice {
    /// The formats' words on the command line.
    pub const NAMES: [&'static str; 5] = ["auto", "f32", "f16", "d8", "d4"];

    /// The choice of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let format = Format::ALL.into_iter().find(|format| word(*format) == name);
        if name == "auto" { Some(Self::Auto) } else { format.map(Self::Format) }
    }

    /// The format for a checkpoint on a device. Nothing is read for it but sizes.
    ///
    /// # Errors
    /// The format that is asked for cannot store the model or does not run on the device, or there is not enough memory.
    pub fn settle(self, checkpoint: &Checkpoint<'_>, device: &ModelDevice) -> Result<Chosen, ChoiceError> {
        // A GPU's memory is not told. Packed weights are in the machine's own too, for what kernels of ours do not do.
        let is_packed = matches!(self, Self::Format(format) if format != Format::F32);
        let free = (device.compute.is_cpu() || is_packed).then(memory::available).flatten();
        self.settle_with(checkpoint, free)
    }

    fn settle_with(self, checkpoint: &Checkpoint<'_>, free: Option<u64>) -> Result<Chosen, ChoiceError> {
        let size = |format| Size { format, n_bytes: checkpoint.n_bytes_in(format) };
        let possible = Format::ALL.into_iter().filter(|format| checkpoint.check_format(*format).is_ok()).map(size);
        let possible: Vec<Size> = possible.collect();
        let fits = |size: &&Size| free.is_none_or(|free| size.n_bytes <= free);
        let asked = match self {
            Self::Format(format) => {
                checkpoint.check_format(format)?;
                size(format)
            }
            Self::Auto => {
                let is_easy = |size: &&Size| free.is_none_or(|free| size.n_bytes as f64 <= SHARE * free as f64);
                // Where none leaves room to work, the smallest is tried.
                possible.iter().find(is_easy).or(possible.last()).copied().unwrap_or(size(Format::F32))
            }
        };
        if let Some(free) = free.filter(|free| asked.n_bytes > *free) {
            let fitting = possible.iter().find(fits).copied();
            return Err(ChoiceError::Memory { tried: asked, free, fitting });
        }
        let reason = free.filter(|_| self == Self::Auto && asked.format != Format::F32).map(|free| {
            let f32 = size(Format::F32);
            format!(
                "weights are loaded as {asked}: {} of memory are free, and {f32} would leave too little of them",
                Gigabytes(free)
            )
        });
        Ok(Chosen { format: asked.format, reason })
    }
}

/// What a format is called on the command line.
#[must_use]
pub fn word(format: Format) -> &'static str {
    match format {
        Format::F32 => "f32",
        Format::F16 => "f16",
        Format::D8 => "d8",
        Format::D4 => "d4",
    }
}

impl fmt::Display for WeightsChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Format(format) => word(*format),
        })
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", word(self.format), Gigabytes(self.n_bytes))
    }
}

/// Bytes for people.
struct Gigabytes(u64);

impl fmt::Display for Gigabytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 as f64 {
            n if n < 1e9 => write!(f, "{:.0} MB", n / 1e6),
            n => write!(f, "{:.1} GB", n / 1e9),
        }
    }
}

fn too_large(tried: &Size, free: &u64, fitting: Option<&Size>) -> String {
    let free = Gigabytes(*free);
    match fitting {
        Some(fitting) => format!(
            "the weights take {} as {}, and {free} of memory are free: as {} they take {} (`--weights {}`)",
            Gigabytes(tried.n_bytes),
            word(tried.format),
            word(fitting.format),
            Gigabytes(fitting.n_bytes),
            word(fitting.format),
        ),
        None => format!(
            "the weights take {} as {}, the smallest that they can be, and {free} of memory are free: take a smaller model \
             or a machine with more memory",
            Gigabytes(tried.n_bytes),
            word(tried.format),
        ),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use stepwise_inference::config::ModelConfig;
    use stepwise_inference::weights::RandomWeights;

    use super::*;

    /// InternLM2-7B's shape, 7.74 billion weights.
    const LARGE: &str = r#"{
      "architectures": ["InternLM2ForCausalLM"], "vocab_size": 92544, "hidden_size": 4096, "intermediate_size": 14336,
      "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8
    }"#;

    fn check(config: &str, choice: &str, free_gb: f64, expected: Expect) {
        let config = ModelConfig::from_json(config).unwrap();
        let source = RandomWeights::new(&config, 1, 1.0);
        let checkpoint = Checkpoint::new(&config, &source).unwrap();
        let settled = WeightsChoice::from_name(choice).unwrap().settle_with(&checkpoint, Some((free_gb * 1e9) as u64));
        expected.assert_eq(&match settled {
            Ok(Chosen { format, reason }) => format!("{format}; {}", reason.unwrap_or_default()),
            Err(error) => error.to_string(),
        });
    }

    #[test]
    fn auto_takes_the_largest_that_leaves_room_and_says_why() {
        check(LARGE, "auto", 64.0, expect!["f32; "]);
        check(
            LARGE,
            "auto",
            40.0,
            expect![
                "f16; weights are loaded as f16 (15.5 GB): 40.0 GB of memory are free, and f32 (31.0 GB) would leave too little of them"
            ],
        );
        check(
            LARGE,
            "auto",
            23.0,
            expect![
                "f16; weights are loaded as f16 (15.5 GB): 23.0 GB of memory are free, and f32 (31.0 GB) would leave too little of them"
            ],
        );
        check(
            LARGE,
            "auto",
            16.0,
            expect![
                "D8; weights are loaded as d8 (8.2 GB): 16.0 GB of memory are free, and f32 (31.0 GB) would leave too little of them"
            ],
        );
        check(
            LARGE,
            "auto",
            8.0,
            expect![
                "D4; weights are loaded as d4 (4.8 GB): 8.0 GB of memory are free, and f32 (31.0 GB) would leave too little of them"
            ],
        );
        check(
            LARGE,
            "auto",
            5.0,
            expect![
                "D4; weights are loaded as d4 (4.8 GB): 5.0 GB of memory are free, and f32 (31.0 GB) would leave too little of them"
            ],
        );
    }

    #[test]
    fn too_little_memory_is_told_with_what_would_fit() {
        check(
            LARGE,
            "f32",
            24.0,
            expect![
                "the weights take 31.0 GB as f32, and 24.0 GB of memory are free: as f16 they take 15.5 GB (`--weights f16`)"
            ],
        );
        check(
            LARGE,
            "d8",
            6.0,
            expect![
                "the weights take 8.2 GB as d8, and 6.0 GB of memory are free: as d4 they take 4.8 GB (`--weights d4`)"
            ],
        );
        check(
            LARGE,
            "d4",
            4.0,
            expect![
                "the weights take 4.8 GB as d4, the smallest that they can be, and 4.0 GB of memory are free: take a smaller model or a machine with more memory"
            ],
        );
        check(
            LARGE,
            "auto",
            4.0,
            expect![
                "the weights take 4.8 GB as d4, the smallest that they can be, and 4.0 GB of memory are free: take a smaller model or a machine with more memory"
            ],
        );
        check(LARGE, "d4", 4.9, expect!["D4; "]);
    }

    #[test]
    fn a_model_whose_rows_are_no_whole_blocks_stays_f32() {
        let uneven = LARGE.replace("14336", "14340");
        check(
            &uneven,
            "d4",
            64.0,
            expect![
                "the tensor `model.layers.0.feed_forward.w2.weight` has rows of 14340 weights, which D4 cannot store, because it takes them by 32: choose `--weights f32`"
            ],
        );
        check(&uneven, "auto", 64.0, expect!["f32; "]);
        check(
            &uneven,
            "auto",
            16.0,
            expect![
                "the weights take 31.0 GB as f32, the smallest that they can be, and 16.0 GB of memory are free: take a smaller model or a machine with more memory"
            ],
        );
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for name in WeightsChoice::NAMES {
            assert_eq!(WeightsChoice::from_name(name).unwrap().to_string(), name);
        }
        assert_eq!(WeightsChoice::from_name("D8"), None);
        assert_eq!(WeightsChoice::default(), WeightsChoice::Auto);
    }
}
