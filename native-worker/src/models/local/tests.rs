//! What a folder says about how its policy is used.

use stepwise_core::goal::Goal;
use stepwise_inference::Scoring;

use super::*;
use crate::models::DeviceChoice;

/// The policy that ships, with another stepwise.json and other lemmas.
fn folder(settings: &str, lemmas: Option<&[u8]>) -> ModelFolder {
    let mut folder = shipped::open(Path::new("tiny"), Role::Policy).unwrap();
    folder.settings = Some(settings.as_bytes().to_vec());
    folder.lemmas = lemmas.map(<[u8]>::to_vec);
    folder
}

fn said<T>(result: Result<T, LocalError>) -> String {
    result.map(|_| ()).unwrap_err().to_string()
}

#[test]
fn stepwise_json_says_how_a_policy_is_used() {
    let both = folder(r#"{"prompt": "plain", "logprob": "sum", "temperature": 0}"#, None);
    assert_eq!(default_format(&both).unwrap(), PromptFormat::Plain);
    assert_eq!(settings(&both).unwrap().scoring, Scoring::Sum);
    assert!(premises(&both).unwrap().is_none());

    let mut none = folder("{}", None);
    none.settings = None;
    assert_eq!(settings(&none).unwrap(), Settings::default());

    let wrong = said(settings(&folder(r#"{"mix": 2}"#, None)));
    assert_eq!(wrong, "tiny/stepwise.json: a mix of 2; give a share from 0 to 1");
}

#[test]
fn a_model_has_the_same_name_whenever_it_is_opened() {
    let named = || name(&folder("{}", None), "", Format::F32);
    let first = named();
    // Every folder reads its tensors into maps of its own, which list them in another order.
    assert!((0..4).all(|_| named() == first), "logs and records are told apart by {first}");
    // What is packed answers otherwise.
    assert_ne!(name(&folder("{}", None), "", Format::D8), first);
}

#[test]
fn lemmas_are_unpacked_or_refused() {
    let packed = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let line = r#"{"name": "Nat.add_comm", "statement": "theorem t (n m : Nat) : n + m = m + n"}"#;
    let found = premises(&folder("{}", Some(&packed(line)))).unwrap().unwrap();
    assert_eq!(found.len(), 1);
    for broken in [packed("{").as_slice(), b"no gzip", &packed(line)[..20]] {
        let wrong = said(premises(&folder("{}", Some(broken))));
        assert!(wrong.starts_with("tiny/lemmas.jsonl.gz: ") && wrong.ends_with("; download it again"), "{wrong}");
    }
}

#[test]
fn a_gguf_file_is_a_policy_and_no_critic() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/reference/gguf/qwen2-mixed.gguf");
    let open = |prompt| {
        let used = PolicyUse { prompt, sampling: Sampling::default(), own_temperature: true };
        LocalPolicy::open(&file, ModelDevice::cpu(1), used, &mut |_, _| ())
    };
    let policy = open(PromptChoice::Auto).unwrap();
    assert!(policy.name().starts_with("qwen2-mixed.gguf "), "{}", policy.name());
    // Its chat template is the file's.
    open(PromptChoice::Format(PromptFormat::StepProver)).unwrap();
    let wrong = said(LocalCritic::open(&file, ModelDevice::cpu(1), &mut |_, _| ()));
    let wrong = wrong.strip_prefix(&format!("{}: ", file.display())).unwrap();
    assert_eq!(wrong, "no GGUF file holds a reward model; name the folder of an InternLM2ForRewardModel as critic");
}

/// Loses the GPU of the whole process, so it has one to itself.
#[tokio::test]
#[ignore = "it loses the process's GPU: `cargo test -p stepwise-worker --lib -- --ignored a_lost_gpu`"]
async fn a_lost_gpu_is_left_for_the_cpu() {
    let device = match ModelDevice::choose(DeviceChoice::Gpu, Some(2)).await {
        Ok(device) => device,
        Err(error) => return println!("not tested: a GPU that is lost, because {error}"),
    };
    let used = || PolicyUse { prompt: PromptChoice::Auto, sampling: Sampling::default(), own_temperature: true };
    let open = |device: &ModelDevice| {
        let policy = LocalPolicy::open(Path::new("tiny"), device.clone(), used(), &mut |_, _| ()).unwrap();
        (policy, LocalCritic::open(Path::new("tiny"), device.clone(), &mut |_, _| ()).unwrap())
    };
    let goal = Goal::parse("⊢ 2 + 2 = 4");
    let request = ProposalRequest {
        theorem: "t".to_owned(),
        goals: vec![goal.clone()],
        history: Vec::new(),
        samples: 4,
        pass: 0,
        seed: 0,
        without: Vec::new(),
        withheld: Default::default(),
        declarations: Default::default(),
        widening: 0,
        tried: Vec::new(),
    };
    let states = ScoreRequest { states: vec![vec![goal], Vec::new()] };
    let tactics = |proposals: Proposals| proposals.candidates.into_iter().map(|c| c.tactic).collect::<Vec<_>>();

    let (policy, critic) = open(&device);
    policy.propose(&request).await.unwrap();
    critic.score(&states).await.unwrap();
    device.gpu().unwrap().kernels.device.destroy();
    let (tactics_after, scores_after) =
        (tactics(policy.propose(&request).await.unwrap()), critic.score(&states).await.unwrap().scores);

    let (policy, critic) = open(&device.without_gpu());
    assert_eq!(tactics_after, tactics(policy.propose(&request).await.unwrap()));
    assert_eq!(scores_after, critic.score(&states).await.unwrap().scores);
}
