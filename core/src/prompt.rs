//! The texts that models read: the published prompts of policies and critics, byte for byte.
