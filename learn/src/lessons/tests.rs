//! Lessons from trials: each once, each problem on one side, and as other trainers read them.

use expect_test::expect;

use super::*;
use crate::run::{Relation, Side, Stage};
use stepwise_core::problem::Theorem;
use stepwise_core::record::{ProblemRecord, Run};
use stepwise_core::search::{Budget, Event, Search, SearchConfig, TimedEvent};

fn step(theorem: &str, state: &str, tactic: &str) -> Step {
    Step {
        theorem: theorem.to_owned(),
        history: vec!["intro h".to_owned()],
        state: state.to_owned(),
        tactic: tactic.to_owned(),
        distance: 1,
    }
}

fn preference(better: &str, worse: &str) -> Preference {
    Preference { relation: Relation::Path, better: better.to_owned(), worse: worse.to_owned() }
}

fn trial(name: &str, steps: Vec<Step>, preferences: Vec<Preference>) -> Trial {
    let config = SearchConfig::best_first(Budget::new(1, 1));
    let run = Run::new(&config, "test", None, "none");
    let mut search = Search::new(Theorem::default(), config);
    search.handle(TimedEvent { at_ms: 0, event: Event::Started });
    search.handle(TimedEvent { at_ms: 0, event: Event::Cancelled });
    let record = ProblemRecord::of(name, &search, &run).expect("a cancelled search has ended");
    Trial { stage: Stage::Scan, side: Side::Statement, record, root: None, steps, preferences }
}

#[test]
fn each_lesson_is_kept_once_and_a_problem_is_on_one_side() {
    let names: Vec<String> = (0..320).map(|n| format!("p{n}")).collect();
    let trials: Vec<Trial> = names
        .iter()
        .flat_map(|name| {
            let own = vec![step(name, &format!("⊢ {name}"), "rfl"), step(name, "⊢ True", "trivial")];
            let again = trial(name, own.clone(), Vec::new());
            [trial(name, own, vec![preference("no goals", name)]), again]
        })
        .collect();
    let (training, validation) = Lessons::of(&trials);
    // The step that all problems share is trained on, and therefore validates nothing.
    assert_eq!(training.steps.iter().filter(|step| step.tactic == "trivial").count(), 1);
    assert!(validation.steps.iter().all(|step| step.tactic == "rfl"));
    assert_eq!(training.steps.len() + validation.steps.len(), 320 + 1);
    assert_eq!(training.preferences.len() + validation.preferences.len(), 320);
    assert!((8..=40).contains(&validation.steps.len()), "{}", validation.steps.len());
    assert_eq!(
        Lessons::of(trials.iter().rev()).0.preferences,
        training.preferences,
        "the order of trials plays no part"
    );
}

#[test]
fn lessons_are_written_as_other_trainers_read_them() {
    let lessons = Lessons {
        steps: vec![step("t", "p : Prop\nh : p\n⊢ p", "exact h")],
        preferences: vec![preference("no goals", "⊢ p")],
    };
    let lines = lessons
        .policy_lines(PromptFormat::Plain)
        .chain(lessons.policy_lines(PromptFormat::StepProver))
        .chain(lessons.critic_lines());
    expect![[r#"
        {"completion":"exact h","prompt":"p : Prop\nh : p\n⊢ p\n:=\n"}
        {"messages":[{"content":"---\nNAME: t\n\n---\nPROOF_BEFORE: intro h\n\n---\nSTATE_BEFORE: p : Prop\nh : p\n⊢ p\n\n---\nTACTIC: ","role":"user"},{"content":"exact h","role":"assistant"}]}
        {"chosen":[{"content":"no goals","role":"assistant"}],"prompt":[{"content":"Which state is closer to 'no goals'?","role":"user"}],"rejected":[{"content":"⊢ p","role":"assistant"}]}
    "#]]
    .assert_eq(&lines.collect::<String>());
}
