//! A tokenizer for small models of our own, trained on Lean text: byte-pair encoding over bytes, as a tokenizer.json.

use std::collections::HashSet;

use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{
    AddedToken, DecoderWrapper, NormalizerWrapper, PostProcessorWrapper, PreTokenizerWrapper, SplitDelimiterBehavior,
    TokenizerBuilder,
};

use super::TokenizerError;

/// What tokens do not reach across, each with the space before it: a name of Lean with its dots, indices, primes and
/// daggers; a number; signs; and white space, whose last character belongs to what follows. GPT-2's rule, but names stay
/// whole, so that those of frequent lemmas become single tokens.
const WORDS: &str = r" ?[\p{L}_][\p{L}\p{N}_.'!?✝]*| ?\p{N}+| ?[^\s\p{L}\p{N}_]+|\s+(?!\S)|\s+";

/// Trains byte-pair encoding (arXiv 1508.07909) over bytes and returns the bytes of a tokenizer.json with at most
/// `vocab_size` tokens: `special`, which get the first ids in their order, all bytes, and the most frequent pairs. Any text
/// comes back from its ids as it was. The same texts give the same bytes, in whatever order they come.
///
/// # Errors
/// `vocab_size` is smaller than the special tokens and the 256 bytes, or the crate's own code fails.
pub fn train_byte_level_bpe<S: AsRef<str> + Send>(
    texts: impl IntoIterator<Item = S, IntoIter: Send>,
    vocab_size: usize,
    special: &[&str],
) -> Result<Vec<u8>, TokenizerError> {
    let failed = |error: tokenizers::Error| TokenizerError::Train(error.to_string());
    let alphabet: HashSet<char> = ByteLevel::alphabet().into_iter().collect();
    let least = alphabet.len() + special.len();
    if vocab_size < least {
        return Err(TokenizerError::Train(format!("{vocab_size} tokens are too few; take at least {least}")));
    }
    let words = Split::new(SplitPattern::Regex(WORDS.to_owned()), SplitDelimiterBehavior::Isolated, false);
    let bytes = ByteLevel::new(false, true, false);
    let pre_tokenizer = Sequence::new(vec![words.map_err(failed)?.into(), bytes.into()]);
    let mut tokenizer =
        TokenizerBuilder::<BPE, NormalizerWrapper, PreTokenizerWrapper, PostProcessorWrapper, DecoderWrapper>::new()
            .with_model(BPE::default())
            .with_pre_tokenizer(Some(pre_tokenizer.into()))
            .with_decoder(Some(bytes.into()))
            .build()
            .map_err(failed)?;
    let mut trainer = BpeTrainer::builder()
        .vocab_size(vocab_size)
        .show_progress(false)
        .initial_alphabet(alphabet)
        .special_tokens(special.iter().map(|token| AddedToken::from(*token, true)).collect())
        .build();
    tokenizer.train(&mut trainer, texts.into_iter()).map_err(failed)?;
    tokenizer.to_string(true).map(String::into_bytes).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::super::Tokenizer;
    use super::*;

    const STATES: [&str; 4] = [
        "n m : Nat\nh₁ : n.succ ≤ m\n⊢ ∀ (k : Nat), n + k < m + k.succ",
        "case inr\nα : Type u_1\nx✝ : α\nxs : List α\nih : xs.reverse.length = xs.length\n⊢ (x✝ :: xs).reverse.length = xs.length + 1",
        "rw [Nat.add_comm, Nat.add_left_comm]",
        "cases h with\n  | inl h => exact Or.inr h\n  | inr h => exact Or.inl h",
    ];
    const SPECIAL: [&str; 2] = ["<|endoftext|>", "<|reward|>"];

    #[test]
    fn any_text_comes_back_as_it_was() {
        let json = train_byte_level_bpe(STATES, 400, &SPECIAL).unwrap();
        let tokenizer = Tokenizer::from_json(&json).unwrap();
        assert_eq!(SPECIAL.map(|token| tokenizer.id_of(token)), [Some(0), Some(1)]);
        assert!(tokenizer.vocab_size() <= 400 && tokenizer.vocab_size() > 300, "{}", tokenizer.vocab_size());
        let unseen = ["⟨_, rfl⟩ 𝔽 \t€\u{a0}<|endoftext|>", "\n\n  · omega\n", "", " ", "a\r\nb"];
        for text in STATES.into_iter().chain(unseen) {
            let ids = tokenizer.encode_plain(text, true).unwrap();
            assert_eq!(tokenizer.decode(&ids, true).unwrap(), text);
            assert!(!ids.contains(&0), "plain text became a special token");
        }
    }

    #[test]
    fn frequent_names_become_one_token() {
        let texts = vec!["rw [Nat.add_left_comm]"; 50];
        let json = train_byte_level_bpe(texts.into_iter().chain(STATES), 600, &SPECIAL).unwrap();
        let tokenizer = Tokenizer::from_json(&json).unwrap();
        let ids = tokenizer.encode_plain("rw [Nat.add_left_comm]", true).unwrap();
        let tokens: Vec<String> = ids.iter().filter_map(|id| tokenizer.token(*id)).collect();
        assert_eq!(tokens, ["rw", "Ġ[", "Nat.add_left_comm", "]"]);
    }

    #[test]
    fn the_order_of_texts_changes_nothing() {
        let forward = train_byte_level_bpe(STATES, 380, &SPECIAL).unwrap();
        assert_eq!(forward, train_byte_level_bpe(STATES, 380, &SPECIAL).unwrap());
        assert_eq!(forward, train_byte_level_bpe(STATES.into_iter().rev(), 380, &SPECIAL).unwrap());
    }

    #[test]
    fn too_small_a_vocabulary_is_refused() {
        let error = train_byte_level_bpe(STATES, 257, &SPECIAL).unwrap_err();
        assert_eq!(error.to_string(), "no tokenizer can be trained: 257 tokens are too few; take at least 258");
    }
}
