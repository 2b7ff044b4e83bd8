//! Chat templates: messages to the one text that a chat model was trained on.
