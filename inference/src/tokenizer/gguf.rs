//! The tokenizer and the chat template of a GGUF file, as the files that Hugging Face's folders have for them.
//!
//! So a GGUF file's text goes through the same code as a folder's, and a model that is trained from one is saved as such a
//! folder. Two kinds exist among the architectures that run: byte-level BPE with merges, which becomes a tokenizer.json
//! with the words that llama.cpp knows by the name of their rule, and SentencePiece with scores, which becomes a
//! tokenizer.model.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::protobuf::{put_bytes, put_float, put_integer};
use crate::weights::{Metadata, MetadataError, excerpt};

/// The files. A GGUF file without a tokenizer gives none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GgufTokenizer {
    /// The bytes of tokenizer.json.
    pub tokenizer_json: Option<Vec<u8>>,
    /// The bytes of tokenizer.model.
    pub tokenizer_model: Option<Vec<u8>>,
    /// The bytes of tokenizer_config.json, where the chat template stands.
    pub tokenizer_config: Option<Vec<u8>>,
}

const MODEL: &str = "tokenizer.ggml.model";
const RULE: &str = "tokenizer.ggml.pre";
const TOKENS: &str = "tokenizer.ggml.tokens";
const TYPES: &str = "tokenizer.ggml.token_type";
const MERGES: &str = "tokenizer.ggml.merges";
const SCORES: &str = "tokenizer.ggml.scores";

/// The numbers of `tokenizer.ggml.token_type`, which are those of SentencePiece.
mod kind {
    pub(super) const NORMAL: i64 = 1;
    pub(super) const UNKNOWN: i64 = 2;
    pub(super) const CONTROL: i64 = 3;
    pub(super) const USER_DEFINED: i64 = 4;
    pub(super) const BYTE: i64 = 6;
}

/// How llama.cpp cuts text into words before it merges bytes, under the names that its converter gives the rules. One
/// expression works on what those before it left over (`llm_tokenizer_bpe` in its `llama-vocab.cpp`).
struct Rule {
    names: &'static [&'static str],
    expressions: &'static [&'static str],
    /// A word that is a token is that token, whatever the merges say, and a text begins with the beginning-of-text token.
    is_llama3: bool,
}

/// GPT-2's words.
const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)";

const RULES: [Rule; 6] = [
    Rule {
        names: &["qwen2", "deepseek-r1-qwen"],
        expressions: &[
            r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        ],
        is_llama3: false,
    },
    Rule {
        names: &["llama-bpe", "llama3", "llama-v3"],
        expressions: &[
            r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        ],
        is_llama3: true,
    },
    Rule {
        names: &["deepseek-llm"],
        expressions: &[
            r"[\r\n]",
            r"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+",
            r"\s?[!-/:-~！-／：-～‘-‟　-。]+",
            r"\s+$",
            "[一-龥ࠀ-一가-\u{d7ff}]+",
            r"\p{N}+",
        ],
        is_llama3: false,
    },
    Rule {
        names: &["deepseek-coder"],
        expressions: &[r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥ࠀ-一가-\u{d7ff}]+", r"\p{N}"],
        is_llama3: false,
    },
    Rule { names: &["gpt-2"], expressions: &[GPT2], is_llama3: false },
    Rule {
        names: &["default"],
        expressions: &[r"[\p{P}\$\+<=>\^~\|]+", GPT2, r"\p{N}+", r"[0-9][0-9][0-9]"],
        is_llama3: false,
    },
];

impl GgufTokenizer {
    /// The tokenizer that these metadata describe.
    ///
    /// # Errors
    /// They lack something, contradict themselves, or describe a kind or a rule that is not known.
    pub fn of(metadata: &Metadata) -> Result<Self, MetadataError> {
        let model = match metadata.text(MODEL)? {
            None | Some("none") => return Ok(Self::default()),
            Some(model) => model,
        };
        let vocabulary = Vocabulary::of(metadata)?;
        Ok(match model {
            "gpt2" => {
                let rule = rule(metadata)?;
                let ends = Ends::of(metadata, &vocabulary, rule.is_llama3, [None, None])?;
                let json = byte_level(metadata, &vocabulary, rule, &ends)?;
                let config = config(metadata, &vocabulary, &ends, &[])?;
                Self { tokenizer_json: Some(json), tokenizer_config: Some(config), ..Self::default() }
            }
            "llama" => {
                let ends = Ends::of(metadata, &vocabulary, true, [Some(1), Some(2)])?;
                let model = sentencepiece(metadata, &vocabulary)?;
                let config = config(metadata, &vocabulary, &ends, &[kind::CONTROL, kind::USER_DEFINED])?;
                Self { tokenizer_model: Some(model), tokenizer_config: Some(config), ..Self::default() }
            }
            _ => return Err(metadata.refusal(MODEL, "gpt2 or llama")),
        })
    }
}

/// Tokens by id, each with its type; no two are the same.
struct Vocabulary {
    tokens: Vec<String>,
    types: Vec<i64>,
}

impl Vocabulary {
    fn of(metadata: &Metadata) -> Result<Self, MetadataError> {
        let tokens = metadata.texts(TOKENS)?.ok_or_else(|| MetadataError::Missing(TOKENS.to_owned()))?;
        let types = match metadata.integers(TYPES)? {
            Some(types) if types.len() != tokens.len() => {
                return Err(metadata.refusal(TYPES, format!("as many as tokens, {}", tokens.len())));
            }
            Some(types) => types.to_vec(),
            None => vec![kind::NORMAL; tokens.len()],
        };
        // As llama.cpp calls what has no text.
        let named = |(id, token): (usize, &String)| {
            if token.is_empty() { format!("[EMPTY_{id}]") } else { token.clone() }
        };
        let tokens: Vec<String> = tokens.iter().enumerate().map(named).collect();
        let mut seen = HashSet::new();
        match tokens.iter().find(|token| !seen.insert(token.as_str())) {
            Some(token) => {
                Err(metadata.refusal(TOKENS, format!("different tokens, and {} is there twice", excerpt(token))))
            }
            None => Ok(Self { tokens, types }),
        }
    }

    /// Tokens of these types, with their ids.
    fn of_types<'a>(&'a self, types: &'a [i64]) -> impl Iterator<Item = (usize, &'a str, i64)> {
        let all = self.tokens.iter().zip(&self.types).enumerate();
        all.map(|(id, (token, kind))| (id, token.as_str(), *kind)).filter(move |(.., kind)| types.contains(kind))
    }
}

/// The tokens at the ends of a text, and whether a text gets them.
struct Ends<'a> {
    bos: Option<(usize, &'a str)>,
    eos: Option<(usize, &'a str)>,
    adds_bos: bool,
    adds_eos: bool,
}

impl<'a> Ends<'a> {
    fn of(
        metadata: &Metadata,
        vocabulary: &'a Vocabulary,
        adds_bos: bool,
        defaults: [Option<usize>; 2],
    ) -> Result<Self, MetadataError> {
        let token = |key: &str, default: Option<usize>| {
            let id = metadata.size(key)?;
            match id.or(default).and_then(|id| vocabulary.tokens.get(id).map(|token| (id, token.as_str()))) {
                None if id.is_some() => Err(metadata.refusal(key, "the number of a token")),
                token => Ok(token),
            }
        };
        let [bos, eos] = defaults;
        Ok(Self {
            bos: token("tokenizer.ggml.bos_token_id", bos)?,
            eos: token("tokenizer.ggml.eos_token_id", eos)?,
            adds_bos: metadata.flag("tokenizer.ggml.add_bos_token")?.unwrap_or(adds_bos),
            adds_eos: metadata.flag("tokenizer.ggml.add_eos_token")?.unwrap_or(false),
        })
    }
}

fn rule(metadata: &Metadata) -> Result<&'static Rule, MetadataError> {
    let name = metadata.text(RULE)?.unwrap_or("default");
    RULES.iter().find(|rule| rule.names.contains(&name)).ok_or_else(|| {
        let names: Vec<&str> = RULES.iter().flat_map(|rule| rule.names).copied().collect();
        metadata.refusal(RULE, format!("one of {}", names.join(", ")))
    })
}

/// The tokenizer.json of a byte-level BPE.
fn byte_level(
    metadata: &Metadata,
    vocabulary: &Vocabulary,
    rule: &Rule,
    ends: &Ends<'_>,
) -> Result<Vec<u8>, MetadataError> {
    let added = vocabulary.of_types(&[kind::CONTROL, kind::USER_DEFINED]).map(|(id, content, kind)| {
        json!({
            "id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
            "special": kind == kind::CONTROL,
        })
    });
    let words = rule.expressions.iter().map(|expression| {
        json!({ "type": "Split", "pattern": { "Regex": expression }, "behavior": "Isolated", "invert": false })
    });
    let bytes = json!({ "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false });
    let ids: serde_json::Map<String, Value> =
        vocabulary.tokens.iter().enumerate().map(|(id, token)| (token.clone(), id.into())).collect();
    let tokenizer = json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": added.collect::<Value>(),
        "normalizer": null,
        "pre_tokenizer": { "type": "Sequence", "pretokenizers": words.chain([bytes.clone()]).collect::<Value>() },
        "post_processor": around(ends),
        "decoder": bytes,
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": rule.is_llama3,
            "vocab": ids, "merges": merges(metadata, vocabulary)?,
        },
    });
    Ok(tokenizer.to_string().into_bytes())
}

/// The pairs that are merged, best first. Halves are parted by the first blank after the first character.
fn merges(metadata: &Metadata, vocabulary: &Vocabulary) -> Result<Vec<Value>, MetadataError> {
    let merges = metadata.texts(MERGES)?.ok_or_else(|| MetadataError::Missing(MERGES.to_owned()))?;
    let known: HashSet<&str> = vocabulary.tokens.iter().map(String::as_str).collect();
    let pair = |merge: &String| {
        let first = merge.chars().next().map_or(0, char::len_utf8);
        let blank = first + merge[first..].find(' ')?;
        let (left, right) = (&merge[..blank], &merge[blank + 1..]);
        let whole = [left, right].concat();
        [left, right, &whole].iter().all(|token| known.contains(token)).then(|| json!([left, right]))
    };
    let refusal = |merge: &String| {
        metadata.refusal(MERGES, format!("pairs of tokens that make a token, which {} is not", excerpt(merge)))
    };
    merges.iter().map(|merge| pair(merge).ok_or_else(|| refusal(merge))).collect()
}

/// What puts the tokens at a text's ends.
fn around(ends: &Ends<'_>) -> Value {
    let bos = ends.bos.filter(|_| ends.adds_bos);
    let eos = ends.eos.filter(|_| ends.adds_eos);
    let special =
        |token: Option<(usize, &str)>| token.map(|(_, text)| json!({ "SpecialToken": { "id": text, "type_id": 0 } }));
    let single = |name: &str| {
        let text = json!({ "Sequence": { "id": name, "type_id": 0 } });
        special(bos).into_iter().chain([text]).chain(special(eos)).collect::<Vec<Value>>()
    };
    if bos.is_none() && eos.is_none() {
        return Value::Null;
    }
    let tokens: serde_json::Map<String, Value> = [bos, eos]
        .into_iter()
        .flatten()
        .map(|(id, text)| (text.to_owned(), json!({ "id": text, "ids": [id], "tokens": [text] })))
        .collect();
    let pair = [single("A"), single("B")].concat();
    json!({ "type": "TemplateProcessing", "single": single("A"), "pair": pair, "special_tokens": tokens })
}

/// The tokenizer.model of a SentencePiece BPE: pieces, and how LLaMA's and InternLM2's models treat text.
fn sentencepiece(metadata: &Metadata, vocabulary: &Vocabulary) -> Result<Vec<u8>, MetadataError> {
    const TRAINER: u64 = 2;
    const NORMALIZER: u64 = 3;
    let scores = metadata.floats(SCORES)?.ok_or_else(|| MetadataError::Missing(SCORES.to_owned()))?;
    if scores.len() != vocabulary.tokens.len() {
        return Err(metadata.refusal(SCORES, format!("as many as tokens, {}", vocabulary.tokens.len())));
    }
    let is_byte = |token: &str| {
        let digits = token.strip_prefix("<0x").and_then(|rest| rest.strip_suffix('>'));
        digits.is_some_and(|digits| digits.len() == 2 && u8::from_str_radix(digits, 16).is_ok())
    };
    let bytes: HashSet<&str> = vocabulary.of_types(&[kind::BYTE]).map(|(_, token, _)| token).collect();
    if !(bytes.is_empty() || bytes.len() == 256 && bytes.iter().all(|token| is_byte(token))) {
        return Err(metadata.refusal(TYPES, "of type 6 (bytes) for each of <0x00> to <0xFF>, or for none"));
    }
    if vocabulary.of_types(&[kind::UNKNOWN]).next().is_none() {
        return Err(metadata.refusal(TYPES, "of type 2 (unknown) for one token"));
    }
    let mut model = Vec::new();
    for ((token, kind), score) in vocabulary.tokens.iter().zip(&vocabulary.types).zip(scores) {
        let kind = match *kind {
            known @ (kind::UNKNOWN..=kind::BYTE) => known as u64,
            _ => kind::NORMAL as u64,
        };
        let mut piece = Vec::new();
        put_bytes(&mut piece, 1, token.as_bytes());
        put_float(&mut piece, 2, *score);
        put_integer(&mut piece, 3, kind);
        put_bytes(&mut model, 1, &piece);
    }
    // `TrainerSpec`: of type BPE, with bytes for what no piece covers.
    let mut trainer = Vec::new();
    put_integer(&mut trainer, 3, 2);
    put_integer(&mut trainer, 35, u64::from(!bytes.is_empty()));
    put_bytes(&mut model, TRAINER, &trainer);
    // `NormalizerSpec`: a blank in front, and no blank is taken away.
    let mut normalizer = Vec::new();
    let prefix = metadata.flag("tokenizer.ggml.add_space_prefix")?.unwrap_or(true);
    put_integer(&mut normalizer, 3, u64::from(prefix));
    put_integer(&mut normalizer, 4, 0);
    put_bytes(&mut model, NORMALIZER, &normalizer);
    Ok(model)
}

/// The tokenizer_config.json, with tokens of these types as added ones.
fn config(
    metadata: &Metadata,
    vocabulary: &Vocabulary,
    ends: &Ends<'_>,
    added: &[i64],
) -> Result<Vec<u8>, MetadataError> {
    let added: serde_json::Map<String, Value> = vocabulary
        .of_types(added)
        .map(|(id, content, kind)| (id.to_string(), json!({ "content": content, "special": kind == kind::CONTROL })))
        .collect();
    let mut config = json!({
        "added_tokens_decoder": added,
        "bos_token": ends.bos.map(|(_, token)| token),
        "eos_token": ends.eos.map(|(_, token)| token),
        "add_bos_token": ends.adds_bos,
        "add_eos_token": ends.adds_eos,
    });
    if let Some(template) = metadata.text("tokenizer.chat_template")? {
        config["chat_template"] = template.into();
    }
    Ok(format!("{config:#}\n").into_bytes())
}
