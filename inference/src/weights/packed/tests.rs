//! Packed matrices against the same ones that were read as f32, from folders and from GGUF files.

use expect_test::{Expect, expect};
use half::f16;
use proptest::prelude::*;

use super::*;
use crate::config::ModelConfig;
use crate::weights::{BlockType, GgufBytes, Matrix, RandomWeights, TensorInfo, TensorSource, gguf_reference};

const PACKED: [Format; 3] = [Format::F16, Format::D8, Format::D4];

/// A model whose embedding is more than a strip, with the head interleaved as InternLM2 has it.
const INTERNLM2: &str = r#"{
  "architectures": ["InternLM2ForCausalLM"], "hidden_act": "silu", "vocab_size": 4100, "hidden_size": 64,
  "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
  "max_position_embeddings": 512, "rms_norm_eps": 1e-5
}"#;

fn repacked(matrix: &Matrix, format: Format) -> Packed {
    let shape = MatrixShape { n_rows: matrix.rows as u32, n_columns: matrix.cols as u32 };
    Packed::new(format, shape, &matrix.data).unwrap()
}

fn packed(stored: Stored) -> Packed {
    let Stored::Packed(packed) = stored else { panic!("a packed matrix was asked for") };
    packed
}

/// All matrices of a checkpoint, packed and as f32.
fn matrices(checkpoint: &Checkpoint<'_>, format: Format) -> Vec<(Packed, Matrix)> {
    let mut pairs = vec![(checkpoint.embedding_in(format).unwrap(), checkpoint.embedding().unwrap())];
    for block_idx in 0..checkpoint.layout.config.n_layers {
        let (ours, dense) = (checkpoint.block_in(block_idx, format).unwrap(), checkpoint.block(block_idx).unwrap());
        assert_eq!((ours.attention_norm, ours.ffn_norm), (dense.attention_norm, dense.ffn_norm));
        assert_eq!((ours.qkv_bias, ours.wo_bias), (dense.qkv_bias, dense.wo_bias));
        assert_eq!((ours.q_norm, ours.k_norm), (dense.q_norm, dense.k_norm));
        pairs.extend([
            (ours.wqkv, dense.wqkv),
            (ours.wo, dense.wo),
            (ours.gate_up, dense.gate_up),
            (ours.down, dense.down),
        ]);
    }
    match (checkpoint.head_in(format).unwrap(), checkpoint.head().unwrap()) {
        (HeadWeights::LanguageModel(ours), HeadWeights::LanguageModel(dense)) => pairs.push((ours, dense)),
        (HeadWeights::Tied, HeadWeights::Tied) => {}
        (HeadWeights::Reward(ours), HeadWeights::Reward(dense)) => assert_eq!(ours, dense),
        other => panic!("two kinds of heads: {other:?}"),
    }
    pairs.into_iter().map(|(ours, dense)| (packed(ours), dense)).collect()
}

#[test]
fn matrices_are_packed_as_they_would_be_from_f32() {
    let reward = INTERNLM2.replace("ForCausalLM", "ForRewardModel");
    let reward = reward.replace("\"vocab_size\"", "\"reward_token_id\": 9, \"vocab_size\"");
    for config in [INTERNLM2, &reward] {
        let config = ModelConfig::from_json(config).unwrap();
        let source = RandomWeights::new(&config, 7, 1.0);
        let checkpoint = Checkpoint::new(&config, &source).unwrap();
        for format in PACKED {
            checkpoint.check_format(format).unwrap();
            let pairs = matrices(&checkpoint, format);
            assert!(pairs.iter().all(|(packed, dense)| *packed == repacked(dense, format)), "{format}");
            let dense: u64 = pairs.iter().map(|(_, dense)| 4 * dense.data.len() as u64).sum();
            let packed: u64 = pairs.iter().map(|(packed, _)| packed.shape.n_bytes(format)).sum();
            assert_eq!(checkpoint.n_bytes_in(format), checkpoint.n_bytes() - dense + packed);
        }
        assert_eq!(checkpoint.n_bytes_in(Format::F32), checkpoint.n_bytes());
    }
}

/// Scales of random blocks are numbers that a file might have, but for some.
fn block(n_bytes: usize, n_halves: usize) -> impl Strategy<Value = Vec<u8>> {
    let half = prop_oneof![8 => (-1.0_f32..1.0).prop_map(|value| f16::from_f32(value).to_bits()), 1 => any::<u16>()];
    (prop::collection::vec(half, n_halves), prop::collection::vec(any::<u8>(), n_bytes - 2 * n_halves))
        .prop_map(|(halves, rest)| halves.into_iter().flat_map(u16::to_le_bytes).chain(rest).collect())
}

/// A block of ggml's and what it is packed as, with the f32 of both; `None` when it is refused.
fn packed_block(block_type: BlockType, format: Format, block: &[u8]) -> Option<[Vec<f32>; 2]> {
    let mut numbers = vec![0.0; block_type.n_elements()];
    block_type.dequantise(block, &mut numbers);
    let shape = MatrixShape { n_rows: 1, n_columns: numbers.len() as u32 };
    let mut packer = Packer::new(format, shape).unwrap();
    match block_type.pack(block, &mut packer) {
        Ok(()) => Some([numbers, packer.finish().unwrap().unpack()]),
        // Refused is what is refused of its f32 too.
        Err(_) => {
            Packed::new(format, shape, &numbers).unwrap_err();
            None
        }
    }
}

proptest! {
    #[test]
    fn blocks_of_ggml_are_the_same_numbers_in_d8_and_d4(
        q8_0 in block(34, 1), q5_0 in block(22, 1), q4_0 in block(18, 1), q4_1 in block(20, 2),
    ) {
        let cases = [
            (BlockType::Q8_0, Format::D8, &q8_0),
            (BlockType::Q5_0, Format::D8, &q5_0),
            (BlockType::Q4_0, Format::D8, &q4_0),
            (BlockType::Q4_0, Format::D4, &q4_0),
            (BlockType::Q4_1, Format::D4, &q4_1),
        ];
        for (block_type, format, block) in cases {
            let halves: Vec<f16> = block.chunks(2).take(2).map(|b| f16::from_le_bytes([b[0], b[1]])).collect();
            let n_halves = if block_type == BlockType::Q4_1 { 2 } else { 1 };
            // Subnormal scales are stored anew, and a minimum of eight times a scale may be too large for a half.
            let is_plain = |half: &f16| (half.is_normal() || *half == f16::ZERO) && half.to_f32().abs() < 8000.0;
            let Some([numbers, packed]) = packed_block(block_type, format, block) else { continue };
            if halves[..n_halves].iter().all(is_plain) {
                prop_assert_eq!(numbers, packed, "{:?} in {}", block_type, format);
            } else {
                let largest = numbers.iter().fold(0.0_f32, |most, number| most.max(number.abs()));
                let far = numbers.iter().zip(&packed).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                prop_assert!(far <= largest / 14.0 + 1e-4, "{:?} in {}: {} of {}", block_type, format, far, largest);
            }
        }
    }

    #[test]
    fn blocks_of_q4_k_lose_nothing_but_the_rounding_of_their_scales(block in block(144, 2)) {
        let Some([numbers, packed]) = packed_block(BlockType::Q4K, Format::D4, &block) else { return Ok(()) };
        // What is beyond a half is stored anew, to within half a step.
        let is_half = |number: &f32| number.abs() < 60_000.0;
        for (numbers, packed) in numbers.chunks(32).zip(packed.chunks(32)).filter(|(numbers, _)| numbers.iter().all(is_half)) {
            let (least, most) = numbers.iter().fold((0.0_f32, 0.0_f32), |(l, m), x| (l.min(*x), m.max(*x)));
            let far = numbers.iter().zip(packed).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            // Where they are subnormal, the block is stored anew: half a step, which is one of the smallest scale.
            let bound = ((most - least) + least.abs().max(most)) / 2048.0 + 1.0 / 16384.0;
            prop_assert!(far <= bound, "{} of {} to {}", far, least, most);
        }
    }
}

#[test]
fn gguf_files_give_the_matrices_that_their_f32_would_give() {
    let mut n_exact = 0;
    for (name, bytes) in gguf_reference::FILES {
        let source = GgufBytes::new(bytes).unwrap();
        let config = ModelConfig::from_gguf(source.file()).unwrap();
        let checkpoint = Checkpoint::new(&config, &source).unwrap();
        for format in PACKED {
            if let Err(error) = checkpoint.check_format(format) {
                assert!(matches!(error, WeightsError::Columns { .. }), "{name}: {error}");
                continue;
            }
            for (packed, dense) in matrices(&checkpoint, format) {
                let found = packed.unpack();
                // In each block, to within what storing it anew would cost.
                let anew = repacked(&dense, format).unpack();
                n_exact += usize::from(format != Format::F16 && found == dense.data);
                for ((found, anew), dense) in found.chunks(32).zip(anew.chunks(32)).zip(dense.data.chunks(32)) {
                    let far = |ours: &[f32]| ours.iter().zip(dense).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                    let largest = dense.iter().fold(0.0_f32, |most, x| most.max(x.abs()));
                    // Scale and minimum of Q4_K are rounded by 2^-11 each, 15 times one and once the other.
                    assert!(far(found) <= far(anew).max(largest / 600.0), "{name} in {format}");
                }
            }
        }
    }
    assert!(n_exact > 0, "no matrix of these files was taken as it is");
}

/// Weights of which one is another.
struct Broken {
    weights: RandomWeights,
    tensor: &'static str,
    value: f32,
}

impl TensorSource for Broken {
    fn tensors(&self) -> &[TensorInfo] {
        self.weights.tensors()
    }

    fn read_range(&self, name: &str, first: usize, out: &mut [f32]) -> Result<(), WeightsError> {
        self.weights.read_range(name, first, out)?;
        if name == self.tensor {
            out[1] = self.value;
        }
        Ok(())
    }
}

fn check(config: &str, tensor: &'static str, value: f32, format: Format, expected: Expect) {
    let config = ModelConfig::from_json(config).unwrap();
    let source = Broken { weights: RandomWeights::new(&config, 1, 1.0), tensor, value };
    let checkpoint = Checkpoint::new(&config, &source).unwrap();
    let loaded = checkpoint.check_format(format).and_then(|()| {
        checkpoint.embedding_in(format)?;
        checkpoint.head_in(format)?;
        (0..2).try_for_each(|block_idx| checkpoint.block_in(block_idx, format).map(drop))
    });
    expected.assert_eq(&loaded.unwrap_err().to_string());
}

#[test]
fn what_a_format_cannot_store_is_refused_by_name() {
    let uneven = INTERNLM2.replace("96", "100");
    check(
        &uneven,
        "",
        0.0,
        Format::D4,
        expect![
            "the tensor `model.layers.0.feed_forward.w2.weight` has rows of 100 weights, which D4 cannot store, because it takes them by 32: choose `--weights f32`"
        ],
    );
    check(
        INTERNLM2,
        "model.layers.1.attention.wqkv.weight",
        f32::NAN,
        Format::D8,
        expect![
            "the tensor `model.layers.1.attention.wqkv.weight` holds NaN; the weights are broken, take another checkpoint"
        ],
    );
    check(
        INTERNLM2,
        "output.weight",
        f32::NEG_INFINITY,
        Format::D4,
        expect!["the tensor `output.weight` holds -inf; the weights are broken, take another checkpoint"],
    );
    check(
        INTERNLM2,
        "model.layers.1.attention_norm.weight",
        f32::INFINITY,
        Format::D8,
        expect![
            "the tensor `model.layers.1.attention_norm.weight` holds inf; the weights are broken, take another checkpoint"
        ],
    );
    check(
        INTERNLM2,
        "model.layers.0.feed_forward.w2.weight",
        -1e7,
        Format::F16,
        expect![
            "the tensor `model.layers.0.feed_forward.w2.weight` holds -10000000, which f16 cannot hold: choose `--weights f32`"
        ],
    );
}
