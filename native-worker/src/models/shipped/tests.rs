//! The models that ship open, are small, compute what their known.json says, and are found file by file.

use expect_test::expect;
use stepwise_core::goal::Goal;
use stepwise_core::policy::ProposalRequest;
use stepwise_core::policy::pointers::Pointers;
use stepwise_core::prompt::{PromptFormat, critic_text, policy_prompt, state_text};
use stepwise_inference::Known;
use stepwise_inference::network::{Compute, Network};
use stepwise_inference::weights::Checkpoint;

use super::*;
use crate::models::local;

/// States of different lengths, with and without hypotheses.
const STATES: [&str; 4] = [
    "⊢ True",
    "a b c : Nat\n⊢ a + b + c = a + (b + c)",
    "p q : Prop\nhp : p\nhq : q\n⊢ p ∧ q",
    "α : Type u_1\nl₁ l₂ : List α\nx : α\nh : x ∈ l₁\n⊢ x ∈ l₁ ++ l₂",
];

#[test]
fn every_model_opens_and_is_small() {
    for Shipped { role, .. } in &MODELS {
        let model = Shipped::find("tiny", *role).expect("it is among them");
        let folder = model.open().unwrap();
        let n_bytes: usize = model.files.iter().map(|(_, bytes)| bytes.len()).sum();
        let limit = if *role == Role::Policy { 16 << 20 } else { 8 << 20 };
        assert!(n_bytes <= limit, "the {role:?} has {n_bytes} bytes");
        assert_eq!(folder.path, std::path::Path::new("tiny"));
    }
    assert!(Shipped::find("huge", Role::Policy).is_none());
}

/// What a model that ships reads for [`STATES`].
fn texts(folder: &ModelFolder, role: Role) -> Vec<Vec<u32>> {
    let reader = local::reader(folder).unwrap();
    let premises = local::premises(folder).unwrap().unwrap_or_default();
    let text = |state: &&str| {
        let goals = vec![Goal::parse(state)];
        match role {
            Role::Policy => {
                let request = ProposalRequest {
                    theorem: "t".to_owned(),
                    goals,
                    history: Vec::new(),
                    samples: 8,
                    pass: 0,
                    seed: 0,
                    without: Vec::new(),
                    ..ProposalRequest::default()
                };
                let shown = Pointers::new(&premises, &request).shown_in(&request);
                reader.prompt(&policy_prompt(PromptFormat::Plain, &shown)).unwrap()
            }
            Role::Critic => {
                let mut tokens = reader.answered(&critic_text(reader.has_template(), state_text(&goals))).unwrap();
                tokens.extend(reader.tokenizer().id_of("<|reward|>"));
                tokens
            }
        }
    };
    STATES.iter().map(text).collect()
}

/// To renew the files for another model: `UPDATE_EXPECT=1 cargo test -p stepwise-worker known_outputs`.
#[test]
fn known_outputs_are_what_the_models_compute() {
    for role in [Role::Policy, Role::Critic] {
        let folder = Shipped::find("tiny", role).unwrap().open().unwrap();
        let checkpoint = Checkpoint::new(&folder.config, &folder).unwrap();
        let network = Network::load(&folder.config, &checkpoint, &Compute::cpu(1), &mut |_, _| ()).unwrap();
        let texts = texts(&folder, role);
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            let known = pollster::block_on(Known::compute(&network, &texts)).unwrap();
            let path = format!("{}/../models/tiny/{}/known.json", env!("CARGO_MANIFEST_DIR"), role.name());
            std::fs::write(path, known.to_json()).unwrap();
            continue;
        }
        let json = file(&format!("tiny/{}/known.json", role.name())).unwrap();
        let known = Known::from_json(&String::from_utf8_lossy(json)).unwrap();
        assert!(known.texts().eq(texts.iter().map(Vec::as_slice)), "{role:?}: other texts");
        let error = pollster::block_on(known.error(&network)).unwrap();
        assert!(error < 1e-5, "{role:?}: {error:e} of the range");
    }
}

#[test]
fn files_are_found_by_the_paths_that_a_page_asks_for() {
    let found = |path: &str| file(path).map_or("nothing", |_| "a file");
    let paths = [
        "tiny/policy/config.json",
        "tiny/policy/lemmas.jsonl.gz",
        "tiny/critic/model.safetensors",
        "tiny/manifest.json",
        "tiny/critic/lemmas.jsonl.gz",
        "tiny/policy/../critic/config.json",
        "huge/policy/config.json",
        "tiny",
        "",
    ];
    let shown: String = paths.iter().map(|path| format!("{path}: {}\n", found(path))).collect();
    expect![[r#"
        tiny/policy/config.json: a file
        tiny/policy/lemmas.jsonl.gz: a file
        tiny/critic/model.safetensors: a file
        tiny/manifest.json: a file
        tiny/critic/lemmas.jsonl.gz: nothing
        tiny/policy/../critic/config.json: nothing
        huge/policy/config.json: nothing
        tiny: nothing
        : nothing
    "#]]
    .assert_eq(&shown);
}

#[test]
fn the_manifest_lists_every_file_with_its_size_and_hash() {
    let manifest: serde_json::Value = serde_json::from_slice(file("tiny/manifest.json").unwrap()).unwrap();
    let files = manifest["files"].as_object().unwrap();
    assert_eq!(files.len(), MODELS.iter().map(|model| model.files.len()).sum::<usize>());
    for (name, entry) in files {
        let bytes = file(&format!("tiny/{name}")).unwrap();
        assert_eq!(entry["bytes"], bytes.len(), "{name}");
        assert_eq!(entry["sha256"].as_str().unwrap().len(), 64, "{name}");
    }
}
