//! Tokenizers: text to token ids and back, from tokenizer.json or a SentencePiece model.
