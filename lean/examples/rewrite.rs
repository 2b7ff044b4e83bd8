//! Rewrites the package's module, validates the pieces and says what it took: `rewrite LEAN_WASM OUT_FOLDER`.

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use stepwise_lean::module::{Profile, rewrite};
use wasmparser::{Parser, Payload, Validator};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [package, out] = arguments.as_slice() else { return Err("usage: rewrite LEAN_WASM OUT_FOLDER".into()) };
    let bytes = std::fs::read(package)?;

    let start = Instant::now();
    let rewritten = rewrite(&bytes, &Profile::known())?;
    println!("rewritten in {:.2?}: {} pieces, of {} bytes", start.elapsed(), rewritten.pieces.len(), bytes.len());
    println!("symbols: {} bytes", rewritten.symbols.to_bytes().len());
    for (number, piece) in rewritten.pieces.iter().enumerate() {
        println!("piece {number}: {} bytes", piece.len());
        describe(piece)?;
        std::fs::write(Path::new(out).join(format!("{number}.wasm")), piece)?;
    }
    Ok(())
}

/// What a piece imports and has.
fn describe(piece: &[u8]) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    Validator::new().validate_all(piece)?;
    println!("validated in {:.2?}", start.elapsed());
    for payload in Parser::new(0).parse_all(piece) {
        match payload? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import?;
                    println!("import {}.{}", import.module, import.name);
                }
            }
            Payload::TableSection(tables) => {
                for table in tables {
                    println!("table {:?}", table?.ty);
                }
            }
            Payload::FunctionSection(functions) => println!("{} functions", functions.count()),
            Payload::ElementSection(segments) => println!("{} runs of slots", segments.count()),
            _ => {}
        }
    }
    Ok(())
}
