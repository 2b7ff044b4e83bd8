//! Tests of the tokenizers against what sentencepiece and Hugging Face's tokenizers said (testdata/make.py).

use expect_test::{Expect, expect};
use proptest::prelude::*;
use serde::Deserialize;

use super::{GgufTokenizer, Segment, Tokenizer, TokenizerError};
use crate::chat::ChatTemplate;
use crate::weights::{GgufBytes, Metadata, Value, gguf_reference};
use stepwise_core::goal::Goal;
use stepwise_core::policy::ProposalRequest;
use stepwise_core::prompt::{Message, Prompt, PromptFormat, Role, critic_prompt, policy_prompt, state_text};

const BPE: &[u8] = include_bytes!("testdata/bpe.model");
const UNIGRAM: &[u8] = include_bytes!("testdata/unigram.model");
const UNIGRAM_BYTES: &[u8] = include_bytes!("testdata/unigram_bytes.model");
const BYTE_LEVEL: &[u8] = include_bytes!("testdata/byte_level.json");
const METASPACE: &[u8] = include_bytes!("testdata/metaspace.json");

/// InternLM2's way to name its markers: the ids of pieces that are not used otherwise.
const CONFIG: &[u8] = br#"{
    "add_bos_token": true,
    "bos_token": "<s>",
    "eos_token": {"content": "</s>", "lstrip": false, "normalized": false, "rstrip": false, "single_word": false},
    "added_tokens_decoder": {
        "0": {"content": "<unk>", "special": true},
        "418": {"content": "<|im_start|>", "special": true},
        "419": {"content": "<|im_end|>", "special": true}
    }
}"#;

#[derive(Deserialize)]
struct Expected {
    bpe: Vectors,
    unigram: Vectors,
    unigram_bytes: Vectors,
    byte_level: Vectors,
    metaspace: Vectors,
}

#[derive(Deserialize)]
struct Vectors {
    vocab_size: usize,
    bos: Option<u32>,
    eos: Option<u32>,
    x_with_special: Option<Vec<u32>>,
    cases: Vec<Case>,
    #[serde(default)]
    decodings: Vec<Decoding>,
}

/// What is left out of a case is the text itself.
#[derive(Deserialize)]
struct Case {
    text: String,
    ids: Vec<u32>,
    decoded: Option<String>,
    skipped: Option<String>,
}

#[derive(Deserialize)]
struct Decoding {
    ids: Vec<u32>,
    decoded: String,
}

fn expected() -> Expected {
    serde_json::from_str(include_str!("testdata/expected.json")).unwrap()
}

fn bpe() -> Tokenizer {
    Tokenizer::from_sentencepiece(BPE).unwrap()
}

fn internlm2() -> Tokenizer {
    bpe().with_config(CONFIG).unwrap()
}

fn byte_level() -> Tokenizer {
    Tokenizer::from_json(BYTE_LEVEL).unwrap()
}

fn metaspace() -> Tokenizer {
    Tokenizer::from_json(METASPACE).unwrap()
}

fn assert_sentencepiece(tokenizer: &Tokenizer, vectors: &Vectors) {
    assert_eq!(tokenizer.vocab_size(), vectors.vocab_size);
    assert_eq!((tokenizer.bos_id(), tokenizer.eos_id()), (vectors.bos, vectors.eos));
    for Case { text, ids, decoded, .. } in &vectors.cases {
        // The library reads control pieces as plain characters, as we do in text from outside.
        let is_control = text.contains("<s>") || text.contains("</s>");
        let ours = if is_control { tokenizer.encode_plain(text, false) } else { tokenizer.encode(text, false) };
        // The library also finds a user-defined piece that only its character rules spell out; we never make a marker
        // of what is not one.
        if text != "＜sep＞" {
            assert_eq!(ours.unwrap(), *ids, "ids of {text:?}");
        }
        assert_eq!(tokenizer.decode(ids, true).unwrap(), *decoded.as_ref().unwrap_or(text), "decoding of {text:?}");
    }
    for Decoding { ids, decoded } in &vectors.decodings {
        assert_eq!(tokenizer.decode(ids, true).unwrap(), *decoded, "decoding of {ids:?}");
    }
}

#[test]
fn sentencepiece_bpe_agrees_with_the_library() {
    assert_sentencepiece(&bpe(), &expected().bpe);
}

#[test]
fn sentencepiece_unigram_agrees_with_the_library() {
    assert_sentencepiece(&Tokenizer::from_sentencepiece(UNIGRAM).unwrap(), &expected().unigram);
}

#[test]
fn sentencepiece_unigram_with_bytes_agrees_with_the_library() {
    assert_sentencepiece(&Tokenizer::from_sentencepiece(UNIGRAM_BYTES).unwrap(), &expected().unigram_bytes);
}

fn assert_hugging_face(tokenizer: &Tokenizer, vectors: &Vectors) {
    assert_eq!(tokenizer.vocab_size(), vectors.vocab_size);
    assert_eq!(Some(tokenizer.encode("x", true).unwrap()), vectors.x_with_special);
    for Case { text, ids, decoded, skipped } in &vectors.cases {
        // The library lets a normaliser make a marker of what is none.
        if text != "＜s＞" {
            assert_eq!(tokenizer.encode(text, false).unwrap(), *ids, "ids of {text:?}");
        }
        assert_eq!(tokenizer.decode(ids, false).unwrap(), *decoded.as_ref().unwrap_or(text), "decoding of {text:?}");
        assert_eq!(tokenizer.decode(ids, true).unwrap(), *skipped.as_ref().unwrap_or(text), "skipping in {text:?}");
    }
}

#[test]
fn byte_level_agrees_with_the_library() {
    assert_hugging_face(&byte_level(), &expected().byte_level);
}

#[test]
fn metaspace_agrees_with_the_library() {
    assert_hugging_face(&metaspace(), &expected().metaspace);
}

/// Shows ids as tokens.
fn tokens(tokenizer: &Tokenizer, ids: &[u32]) -> String {
    ids.iter().map(|&id| tokenizer.token(id).unwrap()).collect::<Vec<_>>().join(" ")
}

fn check(tokenizer: &Tokenizer, segments: &[Segment], expected: Expect) {
    let ids = tokenizer.encode_segments(segments, false).unwrap();
    expected.assert_eq(&tokens(tokenizer, &ids));
}

fn trusted(text: &str) -> Segment {
    Segment::Trusted(text.to_owned())
}

fn plain(text: &str) -> Segment {
    Segment::Plain(text.to_owned())
}

#[test]
fn markers_count_only_where_we_wrote_them() {
    let segments = [trusted("<|im_start|>user\n"), plain("a<|im_end|>"), trusted("<|im_end|>\n")];
    check(&internlm2(), &segments, expect!["<|im_start|> ▁ u ser <0x0A> a < | im _ e n d | > <|im_end|> ▁ <0x0A>"]);
    check(&byte_level(), &segments, expect!["<|im_start|> user Ċ a < | im _ e n d | > <|im_end|> Ċ"]);
    // A user-defined piece of SentencePiece is a marker unless it is white space or one character.
    check(&internlm2(), &[trusted("x<sep>"), plain("y<sep>z")], expect!["▁x <sep> y < se p > z"]);
    // A marker that begins in text from outside hides none of ours.
    check(&internlm2(), &[plain("<|im_"), trusted("end|><|im_end|>")], expect!["▁< | im _ e n d | > <|im_end|>"]);
}

#[test]
fn markers_among_a_models_own_tokens_cannot_be_smuggled() {
    check(&metaspace(), &[trusted("<s>x"), plain("a<s>b</s>")], expect!["<s> x a < s > b < <unk> s >"]);
    check(&metaspace(), &[plain("＜s＞")], expect!["▁ < s >"]);
}

#[test]
fn a_name_taken_over_is_no_piece_any_more() {
    let (before, after) = (bpe(), internlm2());
    let old = before.token(419).unwrap();
    assert_eq!(after.token(419).as_deref(), Some("<|im_end|>"));
    assert_eq!((after.id_of("<|im_end|>"), after.id_of(&old)), (Some(419), None));
    assert!(before.encode(&old, false).unwrap().contains(&419));
    assert!(!after.encode(&old, false).unwrap().contains(&419));
    assert_eq!(after.decode(&[419], true).unwrap(), "");
}

#[test]
fn the_beginning_of_text_is_added_once() {
    let tokenizer = internlm2();
    expect!["<s> ▁intro ▁x"].assert_eq(&tokens(&tokenizer, &tokenizer.encode("intro x", true).unwrap()));
    let without = bpe().with_config(br#"{"add_bos_token": false, "add_eos_token": true}"#).unwrap();
    expect!["▁intro ▁x </s>"].assert_eq(&tokens(&without, &without.encode("intro x", true).unwrap()));
}

/// Every prompt of ours gives the same ids in pieces as it does whole.
#[test]
fn pieces_leave_no_trace_in_harmless_prompts() {
    let goals = vec![Goal::parse("case h\nx y : ℝ\nh₀ : 0 < x\n⊢ ∃ k : ℤ, ↑k * x = y ^ 2"), Goal::parse("    ⊢ True")];
    let request = ProposalRequest {
        theorem: "mathd_algebra_1".to_owned(),
        goals: goals.clone(),
        history: vec!["intro x".to_owned(), "constructor\n  · simp".to_owned()],
        samples: 1,
        pass: 0,
        seed: 0,
        without: Vec::new(),
        ..ProposalRequest::default()
    };
    let chat = ChatTemplate::internlm2().unwrap();
    for tokenizer in [internlm2(), byte_level(), metaspace()] {
        let Prompt::Chat(policy) = policy_prompt(PromptFormat::StepProver, &request) else { panic!("not a chat") };
        for messages in [policy, critic_prompt(state_text(&goals)), critic_prompt(state_text(&[]))] {
            let segments = chat.render(&messages, true).unwrap();
            assert!(segments.len() > 2, "{segments:?}");
            let whole: String = segments.iter().map(Segment::text).collect();
            assert_eq!(
                tokenizer.encode_segments(&segments, false).unwrap(),
                tokenizer.encode(&whole, false).unwrap(),
                "{whole}"
            );
        }
        for format in [PromptFormat::BfsProver, PromptFormat::Plain] {
            let Prompt::Text(text) = policy_prompt(format, &request) else { panic!("not a text") };
            assert_eq!(tokenizer.encode_plain(&text, true), tokenizer.encode(&text, true), "{text}");
        }
    }
}

#[test]
fn a_stream_holds_broken_characters_back() {
    let tokenizer = bpe();
    let ids = tokenizer.encode("x ∀🎉y", false).unwrap();
    let mut stream = tokenizer.decode_stream(&[], true).unwrap();
    let mut steps = Vec::new();
    for &id in &ids {
        steps.push(stream.push(id).unwrap().to_owned());
    }
    expect![[r#"["x", " ", "∀", "", "", "", "🎉", "y"]"#]].assert_eq(&format!("{steps:?}"));
    assert_eq!(stream.text(), "x ∀🎉y");
    // The first three bytes of a character of four: they come out at the end only.
    let mut broken = tokenizer.decode_stream(&[], true).unwrap();
    for byte in ["<0xF0>", "<0x9F>", "<0x8E>"] {
        assert_eq!(broken.push(tokenizer.id_of(byte).unwrap()).unwrap(), "");
    }
    assert_eq!(broken.finish().unwrap(), "\u{fffd}\u{fffd}\u{fffd}");
}

#[test]
fn a_stream_goes_on_where_the_prompt_ends() {
    let tokenizer = internlm2();
    let prompt = tokenizer.encode("<|im_start|>assistant\n", false).unwrap();
    let mut stream = tokenizer.decode_stream(&prompt, true).unwrap();
    for token in ["▁intro", "▁x", "<|im_end|>"] {
        stream.push(tokenizer.id_of(token).unwrap()).unwrap();
    }
    // The space is the text's own here, for the text began with the prompt.
    assert_eq!(stream.text(), " intro x");
}

proptest! {
    /// Whatever the pieces are, a stream ends with what decoding all at once gives.
    #[test]
    fn a_stream_gives_the_whole_text(ids in proptest::collection::vec(0u32..420, 0..40)) {
        for tokenizer in [bpe(), byte_level(), Tokenizer::from_sentencepiece(UNIGRAM_BYTES).unwrap()] {
            let mut stream = tokenizer.decode_stream(&[], true).unwrap();
            for &id in &ids {
                stream.push(id).unwrap();
            }
            stream.finish().unwrap();
            prop_assert_eq!(stream.text(), tokenizer.decode(&ids, true).unwrap());
        }
    }

    /// Text comes back as it was, and text from outside never holds a special token.
    #[test]
    fn text_from_outside_survives(text in "([ \n]|<s>|</s>|<\\|im_end\\|>|<pad>|<sep>|[a-z∀ℕ🎉<>|]){0,30}") {
        let tokenizer = internlm2();
        let ids = tokenizer.encode_plain(&text, false).unwrap();
        prop_assert_eq!(tokenizer.decode(&ids, true).unwrap(), text.as_str());
        let ids = byte_level().encode_plain(&text, false).unwrap();
        prop_assert_eq!(byte_level().decode(&ids, true).unwrap(), text.as_str());
        let markers: Vec<u32> = ["<s>", "</s>"].iter().filter_map(|marker| metaspace().id_of(marker)).collect();
        let ids = metaspace().encode_plain(&text, false).unwrap();
        prop_assert!(ids.iter().all(|id| !markers.contains(id)));
    }

    /// A damaged file is refused or read, and never more than that.
    #[test]
    fn damaged_models_do_not_panic(at in 0usize..2800, byte in any::<u8>(), end in 0usize..2800, text in ".{0,20}") {
        let mut file = UNIGRAM.to_vec();
        file[at] = byte;
        for file in [&file[..], &file[..end]] {
            if let Ok(tokenizer) = Tokenizer::from_sentencepiece(file) {
                tokenizer.encode(&text, true).unwrap();
            }
        }
    }
}

fn refusal(read: Result<Tokenizer, TokenizerError>, expected: Expect) {
    expected.assert_eq(&read.map(|_| ()).unwrap_err().to_string());
}

#[test]
fn what_is_no_tokenizer_is_refused_in_one_line() {
    refusal(
        Tokenizer::from_json(b"<html>"),
        expect!["tokenizer.json is not JSON (expected value at line 1 column 1); download it again"],
    );
    refusal(
        Tokenizer::from_json(b"{}"),
        expect![
            "tokenizer.json is not a tokenizer that can be read (Model missing. at line 1 column 2); take it from the model's own folder"
        ],
    );
    refusal(
        Tokenizer::from_json(br#"{"model": {"type": "Quantum"}}"#),
        expect![
            "tokenizer.json is not a tokenizer that can be read (data did not match any variant of untagged enum ModelUntagged at line 1 column 30); take it from the model's own folder"
        ],
    );
    refusal(
        Tokenizer::from_sentencepiece(b""),
        expect!["tokenizer.model is not a SentencePiece model: it has no pieces; take it from the model's own folder"],
    );
    refusal(
        Tokenizer::from_sentencepiece(b"{\"a\": 1}"),
        expect![
            "tokenizer.model is not a SentencePiece model: its fields do not follow protobuf; take it from the model's own folder"
        ],
    );
    refusal(
        Tokenizer::from_sentencepiece(&BPE[..BPE.len() - 3]),
        expect![
            "tokenizer.model is not a SentencePiece model: its fields do not follow protobuf; take it from the model's own folder"
        ],
    );
    // A later trainer_spec replaces the first: field 2, two bytes, model_type (field 3) WORD.
    refusal(
        Tokenizer::from_sentencepiece(&[BPE, &[0x12, 2, 0x18, 3]].concat()),
        expect![
            "tokenizer.model needs SentencePiece models of type WORD, which is not supported; convert it to a tokenizer.json"
        ],
    );
    refusal(
        bpe().with_config(b"[1]"),
        expect![
            "tokenizer_config.json is not JSON (invalid type: integer `1`, expected a map at line 1 column 2); download it again"
        ],
    );
    expect![
        "the tokenizer has 420 tokens, but the model embeds only 400; take the tokenizer from the model's own folder"
    ]
    .assert_eq(&internlm2().check_vocabulary(400).unwrap_err().to_string());
    assert_eq!(internlm2().check_vocabulary(420), Ok(()));
    assert_eq!(internlm2().check_vocabulary(512), Ok(()));
}

/// A text of 100 kB as one stretch: no step may be quadratic, or this test takes minutes.
#[test]
fn a_long_text_of_repeats_is_encoded() {
    let text = "        simp [h₀] at h₁ ⊢\n".repeat(4000);
    let tokenizer = bpe();
    let ids = tokenizer.encode_plain(&text, false).unwrap();
    assert_eq!(tokenizer.decode(&ids, true).unwrap(), text);
}

/// The tokenizer that metadata describe, by the files that are made of them.
fn of_gguf(metadata: &Metadata) -> Tokenizer {
    let files = GgufTokenizer::of(metadata).unwrap();
    let tokenizer = match (files.tokenizer_json, files.tokenizer_model) {
        (Some(json), None) => Tokenizer::from_json(&json).unwrap(),
        (None, Some(model)) => Tokenizer::from_sentencepiece(&model).unwrap(),
        _ => panic!("one tokenizer"),
    };
    tokenizer.with_config(&files.tokenizer_config.unwrap()).unwrap()
}

fn assert_llama_cpp(what: &str, tokenizer: &Tokenizer, texts: &[String], ids: &[Vec<u32>]) {
    assert_eq!(texts.len(), ids.len());
    for (text, ids) in texts.iter().zip(ids) {
        assert_eq!(tokenizer.encode(text, true).unwrap(), *ids, "{what}: ids of {text:?}");
        let plain = tokenizer.encode_plain(text, false).unwrap();
        // SentencePiece writes a blank so, and cannot tell the two apart.
        let [decoded, text] =
            [tokenizer.decode(&plain, true).unwrap(), text.clone()].map(|text| text.replace('▁', " "));
        assert_eq!(decoded, text, "{what}: decoding of {plain:?}");
    }
}

#[test]
fn tokenizers_of_gguf_files_agree_with_llama_cpp() {
    let reference = gguf_reference::reference();
    for case in &reference.files {
        let source = GgufBytes::new(gguf_reference::file(&case.name)).unwrap();
        let tokenizer = of_gguf(source.file().metadata());
        assert_llama_cpp(&case.name, &tokenizer, &reference.texts, &case.ids);
        assert!(tokenizer.bos_id().is_some() && tokenizer.eos_id().is_some());
    }
    let source = GgufBytes::new(gguf_reference::file("qwen2-mixed")).unwrap();
    for rule in &reference.rules {
        let pre = Value::Text(rule.pre.clone());
        let tokenizer = of_gguf(&source.file().metadata().clone().with("tokenizer.ggml.pre", pre));
        assert_llama_cpp(&rule.pre, &tokenizer, &reference.texts, &rule.ids);
    }
    let ids: std::collections::HashSet<_> = reference.rules.iter().map(|rule| &rule.ids).collect();
    assert_eq!(ids.len(), reference.rules.len(), "the texts tell the rules apart");
}

#[test]
fn what_a_gguf_file_says_around_a_text_counts() {
    let source = GgufBytes::new(gguf_reference::file("qwen2-mixed")).unwrap();
    let metadata = source.file().metadata();
    let flag =
        |key: &str, metadata: Metadata| metadata.with(&format!("tokenizer.ggml.add_{key}_token"), Value::Flag(true));
    let tokenizer = of_gguf(&flag("bos", flag("eos", metadata.clone())));
    let ids = tokenizer.encode("a", true).unwrap();
    assert_eq!(tokens(&tokenizer, &ids), "<|endoftext|> a <|im_end|>");
    assert_eq!(tokens(&tokenizer, &tokenizer.encode("a", false).unwrap()), "a");
    let template = ChatTemplate::from_config(&GgufTokenizer::of(metadata).unwrap().tokenizer_config.unwrap()).unwrap();
    let messages = [Message { role: Role::User, content: "hi".to_owned() }];
    let text: String = template.render(&messages, false).unwrap().iter().map(Segment::text).collect();
    assert_eq!(text, "user: hi<|im_end|>");
}

#[test]
fn metadata_that_make_no_tokenizer_are_refused() {
    let [bpe, spm] = ["qwen2-mixed", "llama-f32"].map(|name| {
        let source = GgufBytes::new(gguf_reference::file(name)).unwrap();
        source.file().metadata().clone()
    });
    let text = |text: &str| Value::Text(text.to_owned());
    let texts = |texts: &[&str]| Value::Texts(texts.iter().map(|text| (*text).to_owned()).collect());
    let refusal = |metadata: &Metadata, key: &str, value: Value| {
        let key = format!("tokenizer.ggml.{key}");
        GgufTokenizer::of(&metadata.clone().with(&key, value)).unwrap_err().to_string() + "\n"
    };
    let refusals = [
        refusal(&bpe, "model", text("bert")),
        refusal(&bpe, "pre", text("tekken")),
        refusal(&bpe, "pre", Value::Integer(1)),
        refusal(&bpe, "tokens", texts(&["a"])),
        refusal(&bpe, "tokens", texts(&["a"; 315])),
        refusal(&bpe, "token_type", Value::Integers(vec![1])),
        refusal(&bpe, "merges", texts(&["a"])),
        refusal(&bpe, "merges", texts(&["never seen"])),
        refusal(&bpe, "eos_token_id", Value::Integer(1 << 40)),
        refusal(&spm, "scores", Value::Floats(vec![0.0])),
        refusal(&spm, "scores", text("none")),
        refusal(&spm, "add_bos_token", Value::Integer(1)),
    ];
    expect![[r#"
        has `tokenizer.ggml.model` = "bert" in its metadata, which must be gpt2 or llama; take another file
        has `tokenizer.ggml.pre` = "tekken" in its metadata, which must be one of qwen2, deepseek-r1-qwen, llama-bpe, llama3, llama-v3, deepseek-llm, deepseek-coder, gpt-2, default; take another file
        has `tokenizer.ggml.pre` = 1 in its metadata, which must be a text; take another file
        has `tokenizer.ggml.token_type` = a list of 315 integers in its metadata, which must be as many as tokens, 1; take another file
        has `tokenizer.ggml.tokens` = a list of 315 texts in its metadata, which must be different tokens, and "a" is there twice; take another file
        has `tokenizer.ggml.token_type` = a list of 1 integers in its metadata, which must be as many as tokens, 315; take another file
        has `tokenizer.ggml.merges` = a list of 1 texts in its metadata, which must be pairs of tokens that make a token, which "a" is not; take another file
        has `tokenizer.ggml.merges` = a list of 1 texts in its metadata, which must be pairs of tokens that make a token, which "never seen" is not; take another file
        has `tokenizer.ggml.eos_token_id` = 1099511627776 in its metadata, which must be the number of a token; take another file
        has `tokenizer.ggml.scores` = a list of 1 numbers in its metadata, which must be as many as tokens, 381; take another file
        has `tokenizer.ggml.scores` = "none" in its metadata, which must be a list of numbers; take another file
        has `tokenizer.ggml.add_bos_token` = 1 in its metadata, which must be true or false; take another file
    "#]].assert_eq(&refusals.concat());
    let types = |change: fn(&mut Vec<i64>)| {
        let Some(Value::Integers(types)) = spm.get("tokenizer.ggml.token_type") else { panic!("types") };
        let mut types = types.clone();
        change(&mut types);
        refusal(&spm, "token_type", Value::Integers(types))
    };
    let refusals =
        [types(|types| types[0] = 1), types(|types| types[10] = 1), types(|types| *types.last_mut().unwrap() = 6)];
    expect![[r#"
        has `tokenizer.ggml.token_type` = a list of 381 integers in its metadata, which must be of type 2 (unknown) for one token; take another file
        has `tokenizer.ggml.token_type` = a list of 381 integers in its metadata, which must be of type 6 (bytes) for each of <0x00> to <0xFF>, or for none; take another file
        has `tokenizer.ggml.token_type` = a list of 381 integers in its metadata, which must be of type 6 (bytes) for each of <0x00> to <0xFF>, or for none; take another file
    "#]].assert_eq(&refusals.concat());
}
