//! Tests of chat templates against what jinja2 rendered (tokenizer/testdata/make.py).

use std::collections::HashMap;

use expect_test::{Expect, expect};
use serde::Deserialize;

use super::{ChatError, ChatTemplate, MAX_TEMPLATE_BYTES};
use crate::tokenizer::Segment;
use stepwise_core::prompt::{Message, Role};

#[derive(Deserialize)]
struct Expected {
    templates: HashMap<String, String>,
    cases: Vec<Case>,
}

/// One rendering; `text` is absent where the template raised an exception.
#[derive(Deserialize)]
struct Case {
    template: String,
    messages: Vec<(String, String)>,
    add_generation_prompt: bool,
    text: Option<String>,
}

fn message(role: Role, content: &str) -> Message {
    Message { role, content: content.to_owned() }
}

fn template(source: &str) -> Result<ChatTemplate, ChatError> {
    ChatTemplate::from_config(
        serde_json::json!({ "chat_template": source, "bos_token": "<s>", "eos_token": {"content": "</s>"} })
            .to_string()
            .as_bytes(),
    )
}

#[test]
fn renders_as_jinja2_does() {
    let expected: Expected = serde_json::from_str(include_str!("../tokenizer/testdata/chat.json")).unwrap();
    let mut n_rewrites = 0;
    for case in &expected.cases {
        let chat = template(&expected.templates[&case.template]).unwrap();
        let role = |name: &str| match name {
            "system" => Role::System,
            "user" => Role::User,
            _ => Role::Assistant,
        };
        let messages: Vec<Message> = case.messages.iter().map(|(name, said)| message(role(name), said)).collect();
        let text = chat.text(&messages, case.add_generation_prompt);
        assert_eq!(text.as_ref().ok(), case.text.as_ref(), "{}: {messages:?}", case.template);
        match chat.render(&messages, case.add_generation_prompt) {
            Ok(segments) => {
                assert_eq!(Some(segments.iter().map(Segment::text).collect()), case.text);
                for segment in segments {
                    assert!(
                        matches!(segment, Segment::Plain(_)) || !segment.text().contains("obey"),
                        "{}: what a message says is trusted",
                        case.template
                    );
                }
            }
            Err(ChatError::Rewrites) => n_rewrites += 1,
            Err(error) => assert!(matches!(error, ChatError::Refused(_)) && case.text.is_none(), "{error}"),
        }
    }
    // Qwen3's cuts an answer's thoughts off, and no other does anything of the kind.
    assert_eq!(n_rewrites, 2);
}

#[test]
fn internlm2_is_its_published_template() {
    let expected: Expected = serde_json::from_str(include_str!("../tokenizer/testdata/chat.json")).unwrap();
    assert_eq!(super::INTERNLM2, expected.templates["internlm2"]);
    let segments = ChatTemplate::internlm2().unwrap().render(&[message(Role::User, "hi\n")], true).unwrap();
    expect![[r#"[Trusted("<s><|im_start|>user\n"), Plain("hi"), Trusted("\n<|im_end|>\n<|im_start|>assistant\n")]"#]]
        .assert_eq(&format!("{segments:?}"));
}

#[test]
fn of_several_templates_the_default_is_taken() {
    let config = br#"{"chat_template": [
        {"name": "tool_use", "template": "tools"}, {"name": "default", "template": "{{ messages[0].content }}"}
    ]}"#;
    let segments = ChatTemplate::from_config(config).unwrap().render(&[message(Role::User, "hi")], false).unwrap();
    assert_eq!(segments, [Segment::Plain("hi".to_owned())]);
}

fn check(source: &str, content: &str, expected: Expect) {
    let rendered = template(source).and_then(|chat| chat.render(&[message(Role::User, content)], false));
    expected.assert_eq(&match rendered {
        Ok(segments) => format!("{segments:?}"),
        Err(error) => error.to_string(),
    });
}

#[test]
fn a_hostile_template_ends() {
    check(
        "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
        "",
        expect!["the chat template does not end within its limits; check tokenizer_config.json"],
    );
    check(
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "",
        expect!["the chat template failed: invalid operation: recursion limit exceeded (in chat:1)"],
    );
    check(
        "{% for i in range(3000) %}{{ 'x' * 1000 }}{% endfor %}",
        "",
        expect!["the chat template does not end within its limits; check tokenizer_config.json"],
    );
    check(
        "{{ 'x' * 100000000000 }}",
        "",
        expect!["the chat template failed: invalid operation: repeated string is too large (in chat:1)"],
    );
    check(
        "{% include 'secrets' %}",
        "",
        expect![[
            r#"the chat template failed: template not found: tried to include non-existing template "secrets" (in chat:1)"#
        ]],
    );
    check(
        "{{ messages",
        "",
        expect![
            "the chat template failed: syntax error: unexpected end of input, expected end of variable block (in chat:1)"
        ],
    );
    check("{{ raise_exception('no') }}", "", expect!["the chat template refuses these messages: no"]);
    check(
        &"x".repeat(MAX_TEMPLATE_BYTES + 1),
        "",
        expect!["the chat template has 262145 bytes, which is too long; check tokenizer_config.json"],
    );
    check("{{ messages[0].content | upper }}", "a\u{fdd0}", expect![[r#"[Plain("A\u{fdd0}")]"#]]);
    check(
        "{{ messages[0].content[1:] }}",
        "abc",
        expect!["the chat template rewrites what the messages say; use a model whose template leaves it alone"],
    );
    check(
        "{{ messages[0].content | length }}",
        "abc",
        expect!["the chat template rewrites what the messages say; use a model whose template leaves it alone"],
    );
    check(
        "{{ messages[0].content }}{{ messages[0].content }}",
        "{{ 1 }}",
        expect![[r#"[Plain("{{ 1 }}"), Plain("{{ 1 }}")]"#]],
    );
}

#[test]
fn a_configuration_without_a_template_is_refused() {
    for (config, expected) in [
        ("{}", expect!["tokenizer_config.json has no chat_template; name a prompt format that needs none"]),
        (
            "[",
            expect![
                "tokenizer_config.json cannot be read (EOF while parsing a list at line 1 column 1); download it again"
            ],
        ),
        (
            r#"{"chat_template": [{"name": "rag", "template": ""}]}"#,
            expect!["tokenizer_config.json has no chat_template; name a prompt format that needs none"],
        ),
    ] {
        expected.assert_eq(&ChatTemplate::from_config(config.as_bytes()).unwrap_err().to_string());
    }
}
