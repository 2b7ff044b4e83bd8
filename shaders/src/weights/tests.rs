//! The formats' rules, on blocks of all kinds.

use half::f16;
use proptest::prelude::*;

use super::pack::half_of;
use super::{BLOCK, Format, FormatError, MatrixShape, Packed};

fn shape(n_rows: u32, n_columns: u32) -> MatrixShape {
    MatrixShape { n_rows, n_columns }
}

/// One block, stored and read again, with its scale.
fn stored(format: Format, block: &[f32]) -> (Vec<f32>, f32) {
    let packed = Packed::new(format, shape(1, 32), block).unwrap();
    let scale = if packed.scales.is_empty() { 0.0 } else { half_of(&packed.scales, 0) };
    (packed.unpack(), scale)
}

/// Weights of one magnitude, some of them 0, around a middle that need not be 0.
fn blocks() -> impl Strategy<Value = Vec<f32>> {
    let weight = prop_oneof![9 => -1.0_f32..1.0, 1 => Just(0.0_f32)];
    let middle = prop_oneof![Just(0.0_f32), -3.0_f32..3.0];
    (prop::collection::vec(weight, BLOCK), -12_i32..12, middle)
        .prop_map(|(block, size, middle)| block.iter().map(|w| (w + middle) * 2_f32.powi(size)).collect())
}

proptest! {
    #[test]
    fn a_weight_is_at_most_half_a_scale_from_what_it_becomes(block in blocks()) {
        for format in [Format::D8, Format::D4] {
            let (found, scale) = stored(format, &block);
            for (w, found) in block.iter().zip(&found) {
                // What f32 itself rounds in dividing and multiplying is allowed for.
                let rounding = 4.0 * f32::EPSILON * (w.abs() + found.abs() + 16.0 * scale);
                prop_assert!((w - found).abs() <= scale / 2.0 + rounding, "{format}: {w} became {found}, scale {scale}");
            }
        }
    }

    #[test]
    fn scales_are_no_larger_than_the_block_asks_for(block in blocks()) {
        const SMALLEST: f32 = 1.0 / 16384.0;
        let (least, most) = block.iter().fold((f32::MAX, f32::MIN), |(l, m), w| (l.min(*w), m.max(*w)));
        let largest = least.abs().max(most.abs());
        // A half above the exact one, which is 2^-10 of it at most.
        let bound = |exact: f32| (exact * (1.0 + 1.0 / 512.0)).max(SMALLEST);
        prop_assert!(stored(Format::D8, &block).1 <= bound(largest / 127.0));
        // The minimum may be one half below the least weight.
        let below = (least.abs() / 1024.0).max(SMALLEST);
        prop_assert!(stored(Format::D4, &block).1 <= bound((most - least + below) / 15.0));
    }

    #[test]
    fn what_was_stored_once_stays_as_it_is_in_f32_and_f16(block in blocks()) {
        prop_assert_eq!(&stored(Format::F32, &block).0, &block);
        let (once, _) = stored(Format::F16, &block);
        prop_assert_eq!(&stored(Format::F16, &once).0, &once);
        for (w, found) in block.iter().zip(&once) {
            prop_assert!((w - found).abs() <= (w.abs() / 2048.0).max(f32::from(f16::MIN_POSITIVE_SUBNORMAL)));
        }
    }

    #[test]
    fn halves_are_never_subnormal(block in blocks(), small in -40_i32..0) {
        let block: Vec<f32> = block.iter().map(|w| w * 2_f32.powi(small)).collect();
        for format in [Format::D8, Format::D4] {
            let packed = Packed::new(format, shape(1, 32), &block).unwrap();
            for half in (0..2).map(|idx| half_of(&packed.scales, idx)) {
                prop_assert!(half == 0.0 || half.abs() >= f32::from(f16::MIN_POSITIVE), "{half}");
            }
        }
    }
}

#[test]
fn blocks_of_one_value_are_exact_where_it_is_a_half_and_close_elsewhere() {
    for value in [0.0_f32, -0.0, 1.0, -0.375, 0.1, -0.1, 1e-6, -1e-6, 1e-30, 8e6, -60_000.0] {
        for format in [Format::D8, Format::D4] {
            let Ok(packed) = Packed::new(format, shape(1, 32), &[value; BLOCK]) else {
                assert!(value > 65_504.0 && format == Format::D4, "{format} refuses {value}");
                continue;
            };
            let found = packed.unpack();
            let off = (found[0] - value).abs();
            assert!(
                found.iter().all(|w| *w == found[0]) && off <= (value.abs() / 250.0).max(1.0 / 32768.0),
                "{format} {value}: {off}"
            );
            let is_half = f16::from_f32(value).to_f32() == value;
            assert!(!(is_half && format == Format::D4 && value.abs() > 1e-4) || off == 0.0, "{format} {value}: {off}");
        }
    }
    assert_eq!(stored(Format::D8, &[0.0; BLOCK]), (vec![0.0; BLOCK], 0.0));
    assert_eq!(stored(Format::D4, &[0.0; BLOCK]), (vec![0.0; BLOCK], 0.0));
}

#[test]
fn bits_lie_where_the_readme_says() {
    // 127 / 127 = 1 is a scale that is exact.
    let block: Vec<f32> = (0..32).map(|idx| if idx == 31 { 127.0 } else { idx as f32 - 16.0 }).collect();
    let packed = Packed::new(Format::D8, shape(1, 32), &block).unwrap();
    assert_eq!(packed.quants[0].to_le_bytes().map(|byte| byte as i8), [-16, -15, -14, -13]);
    assert_eq!(packed.quants[7].to_le_bytes().map(|byte| byte as i8), [12, 13, 14, 127]);
    assert_eq!(packed.scales, [0x3c00]);

    // From -1 in steps of 1/4: scale 1/4, minimum -1.
    let block: Vec<f32> = (0..32).map(|idx| (idx % 16) as f32 / 4.0 - 1.0).collect();
    let packed = Packed::new(Format::D4, shape(1, 32), &block).unwrap();
    assert_eq!(packed.quants, [0x3322_1100, 0x7766_5544, 0xbbaa_9988, 0xffee_ddcc]);
    assert_eq!(packed.scales, [0xbc00_3400]);

    // Three blocks have two words of scales.
    let packed = Packed::new(Format::D8, shape(1, 96), &[127.0; 96]).unwrap();
    assert_eq!(packed.scales, [0x3c00_3c00, 0x3c00]);
}

#[test]
fn formats_take_as_many_bytes_as_they_say() {
    for (format, bits) in Format::ALL.into_iter().zip([32.0, 16.0, 8.5, 5.0]) {
        let packed = Packed::new(format, shape(6, 64), &[0.5; 384]).unwrap();
        let n_bytes = 4 * (packed.quants.len() + packed.scales.len());
        assert_eq!(n_bytes as u64, packed.shape.n_bytes(format), "{format}");
        assert_eq!(n_bytes as f64 * 8.0 / 384.0, bits, "{format}");
    }
}

#[test]
fn what_cannot_be_stored_is_refused_with_its_place() {
    let told = |format, shape, values: &[f32]| Packed::new(format, shape, values).unwrap_err().to_string();
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut values = [0.0; 128];
        values[70] = value;
        for format in Format::ALL {
            let text = format!("the weight at [1, 6] is {value}; the file is broken, fetch it again");
            assert_eq!(told(format, shape(2, 64), &values), text);
        }
    }
    let mut values = [0.5; 64];
    values[40] = -1e7;
    for format in [Format::F16, Format::D8, Format::D4] {
        let text = format!("the weight at [0, 40] is -10000000, which {format} cannot hold; keep this matrix in f32");
        assert_eq!(told(format, shape(1, 64), &values), text);
    }
    assert!(Packed::new(Format::F32, shape(1, 64), &values).is_ok());
    assert_eq!(
        told(Format::D4, shape(2, 40), &[0.0; 80]),
        "D4 weights of [2, 40]: the columns must be a multiple of 32; keep this matrix in f32"
    );
    assert_eq!(told(Format::D8, shape(0, 32), &[]), "D8 weights of [0, 32]: neither side may be 0");
    let error = Packed::new(Format::D8, shape(1, 32), &[0.0; 31]).unwrap_err();
    assert!(matches!(error, FormatError::Length { expected: 32, given: 31, .. }), "{error}");
}
