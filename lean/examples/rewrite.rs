//! Rewrites the package's module, validates the result and says what it took: `rewrite LEAN_WASM OUT`.

use std::error::Error;
use std::time::Instant;

use stepwise_lean::module;
use wasmparser::{Parser, Payload, Validator};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [package, out] = arguments.as_slice() else { return Err("usage: rewrite LEAN_WASM OUT".into()) };
    let bytes = std::fs::read(package)?;

    let start = Instant::now();
    let rewritten = module::rewrite(&bytes)?;
    println!("rewritten in {:.2?}: {} bytes of {}", start.elapsed(), rewritten.module.len(), bytes.len());
    println!("symbols: {} bytes", rewritten.symbols.to_bytes().len());

    let start = Instant::now();
    Validator::new().validate_all(&rewritten.module)?;
    println!("validated in {:.2?}", start.elapsed());

    for payload in Parser::new(0).parse_all(&rewritten.module) {
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
            _ => {}
        }
    }
    std::fs::write(out, &rewritten.module)?;
    Ok(())
}
