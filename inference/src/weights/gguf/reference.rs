//! The files of tests/reference/gguf for tests, and what gguf, numpy and llama.cpp make of them; tests/reference/README.md
//! says how both came about.

use serde::Deserialize;

/// The files, by name.
pub(crate) const FILES: [(&str, &[u8]); 4] = [
    ("llama-f32", include_bytes!("../../../../tests/reference/gguf/llama-f32.gguf")),
    ("qwen2-mixed", include_bytes!("../../../../tests/reference/gguf/qwen2-mixed.gguf")),
    ("qwen3-k-quants", include_bytes!("../../../../tests/reference/gguf/qwen3-k-quants.gguf")),
    ("internlm2-halves", include_bytes!("../../../../tests/reference/gguf/internlm2-halves.gguf")),
];

#[derive(Deserialize)]
pub(crate) struct Reference {
    pub(crate) texts: Vec<String>,
    pub(crate) blocks: Vec<Blocks>,
    pub(crate) files: Vec<Outputs>,
    pub(crate) rules: Vec<Rule>,
}

/// Two blocks of a type and their values, as hexadecimal bytes.
#[derive(Deserialize)]
pub(crate) struct Blocks {
    #[serde(rename = "type")]
    pub(crate) id: u32,
    pub(crate) blocks: String,
    pub(crate) values: String,
}

/// The logits after the last of `tokens`, and llama.cpp's ids of the texts.
#[derive(Deserialize)]
pub(crate) struct Outputs {
    pub(crate) name: String,
    pub(crate) tokens: Vec<u32>,
    pub(crate) difference_to_numpy: f32,
    pub(crate) numpy: Vec<f32>,
    pub(crate) llama_cpp: Vec<f32>,
    pub(crate) ids: Vec<Vec<u32>>,
}

/// llama.cpp's ids of the texts where `tokenizer.ggml.pre` of `qwen2-mixed` is another.
#[derive(Deserialize)]
pub(crate) struct Rule {
    pub(crate) pre: String,
    pub(crate) ids: Vec<Vec<u32>>,
}

/// What the scripts wrote down.
pub(crate) fn reference() -> Reference {
    serde_json::from_str(include_str!("../../../../tests/reference/gguf.json")).expect("gguf.json")
}

/// The bytes of a file.
pub(crate) fn file(name: &str) -> &'static [u8] {
    FILES.iter().find(|file| file.0 == name).expect("a file of this name").1
}
