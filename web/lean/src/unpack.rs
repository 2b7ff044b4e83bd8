//! Unpacks what set-up has packed for browsers, as JavaScript sees it. It takes a lot of memory for a moment, which a worker
//! gives back when it ends.

use js_sys::{Uint8Array, Uint32Array};
use serde::Deserialize;
use stepwise_lean::packed;
use stepwise_lean::snapshot::Snapshot;
use wasm_bindgen::prelude::*;

/// The bytes of a file that is compressed by Brotli.
///
/// # Errors
/// It is none.
#[wasm_bindgen]
pub fn unpack(file: &[u8]) -> Result<Uint8Array, JsError> {
    let mut bytes = Vec::new();
    brotli_decompressor::BrotliDecompress(&mut &*file, &mut bytes)?;
    Ok(Uint8Array::from(&*bytes))
}

/// The bytes of the snapshot's runs, of a packed memory. The description is `lean.json`'s text.
///
/// # Errors
/// They do not belong together.
#[wasm_bindgen(js_name = unpackMemory)]
pub fn unpack_memory(file: &[u8], description: &str) -> Result<Uint8Array, JsError> {
    #[derive(Deserialize)]
    struct Description {
        snapshot: Snapshot,
    }

    let Description { snapshot } = serde_json::from_str(description)?;
    let memory = packed::unpack(&snapshot, file).ok_or_else(|| JsError::new("the memory of Lean is damaged"))?;
    let n_words: usize = packed::words_of_runs(&snapshot).map(|(_, length)| length).sum();
    let words = Uint32Array::new_with_length(n_words as u32);
    let mut at = 0;
    for (start, length) in packed::words_of_runs(&snapshot) {
        let end = at + length as u32;
        words.subarray(at, end).copy_from(&memory[start..start + length]);
        at = end;
    }
    // Browsers run on machines of WebAssembly's order of bytes only.
    Ok(Uint8Array::new(&words.buffer()))
}
