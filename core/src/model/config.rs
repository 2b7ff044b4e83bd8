//! A model's shape, read from the config.json of a Hugging Face folder.
