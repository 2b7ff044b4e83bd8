//! Machines that are suspended, a disk that is full, and a coordinator that comes back with an older ledger: what a donor has
//! finished is neither lost nor counted twice.

use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::relay::Fate;
use super::scene::{Donor, Scene, signal, until};
use super::{ask, costs, invite, run, stepwise, text};
use crate::cli::lean_turn;

/// One that is proved at once, and one of which there is soon nothing left to try.
const TRUE: &str = "theorem t1 (p q : Prop) (hp : p) (hq : q) : p ∧ q";
const HOPELESS: &str = "theorem t2 (p : Prop) : p";

/// What is searched of them, in one stage.
const INIT: [&str; 9] = ["--no-disprove", "--stages", "1", "--timeout", "20", "--samples", "8", "--expansions", "8"];

/// Another donor's machine that works off everything without finding anything.
struct Finder {
    url: String,
    token: String,
    session: Value,
}

impl Finder {
    fn join(scene: &Scene, url: &str) -> Self {
        let link = invite(scene.dir(), url, &[]);
        let (_, secret) = link.split_once("#join=").unwrap();
        let (_, joined) = ask(url, "join", None, &json!({ "protocol": 1, "invitation": secret }));
        let token = text(&joined["token"]);
        let lean = scene.overview()["lean"].clone();
        let enrolment =
            json!({ "protocol": 1, "client": "finder", "lean": lean, "label": "", "cores": 8, "memory_mb": 1000 });
        let (status, enrolled) = ask(url, "sessions", Some(&token), &enrolment);
        assert_eq!(status, 201, "{enrolled}");
        Self { url: url.to_owned(), token, session: enrolled["session"].clone() }
    }

    /// What it is given under this name, in the only claim that it makes.
    fn claim(&self, claim: &str) -> Vec<Value> {
        let body = json!({ "session": self.session, "claim": claim, "number": 1, "want_s": 300 });
        let (status, claimed) = ask(&self.url, "claims", Some(&self.token), &body);
        assert_eq!(status, 200, "{claimed}");
        claimed["leases"].as_array().cloned().unwrap_or_default()
    }

    /// Hands a search in without a proof, and gives its receipt.
    fn exhausted(&self, lease: &Value, claim: &str) -> String {
        let result = json!({
            "submission": format!("{claim}-{}", lease["unit"]), "unit": lease["unit"], "attempt": lease["attempt"],
            "claim": claim, "ending": "exhausted", "cost": costs(),
        });
        let (_, receipts) = ask(&self.url, "results", Some(&self.token), &json!({ "results": [result] }));
        text(&receipts["receipts"][0]["type"])
    }
}

const CLAIM: &str = "0123456789abcdef0123456789abcdef";

#[test]
fn a_donor_that_wakes_up_hands_in_late_what_others_have_searched_in_vain() {
    let _turn = lean_turn();
    let scene = Scene::of(&[TRUE, HOPELESS], &INIT);
    let (_coordinator, url) = scene.serve(&[]);
    scene.relay.decide(|part| if part == "results" { Fate::IsLost } else { Fate::Arrives });
    scene.join("sleeper");
    let mut sleeper = scene.donor("sleeper");
    until("both are searched", || scene.spooled("sleeper").len() == 2);
    signal(sleeper.child(), Signal::SIGSTOP);
    until("its session is lost", || scene.sessions().is_empty());

    let other = Finder::join(&scene, &url);
    let leases = other.claim(CLAIM);
    assert_eq!(leases.len(), 2, "they are given out again: {leases:?}");
    assert!(leases.iter().all(|lease| lease["attempt"] == 2));
    for lease in &leases {
        assert_eq!(other.exhausted(lease, CLAIM), "stored");
    }
    until("nothing is left to search", || scene.overview()["state"] == "done");

    scene.relay.decide(|_| Fate::Arrives);
    signal(sleeper.child(), Signal::SIGCONT);
    until("the late proof is verified", || scene.overview()["problems"]["proved"] == 1);
    let (code, said) = sleeper.ended();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("the coordinator does not know this session any more"), "{said}");
    assert_eq!(scene.spooled("sleeper").len(), 0);
    // Two searches had two attempts each, of which those in time count.
    let overview = scene.overview();
    assert_eq!((&overview["cost"]["searches"], &overview["cost"]["exhausted"]), (&json!(2), &json!(2)), "{overview}");
}

#[test]
fn a_coordinator_that_was_stopped_takes_nobody_for_lost() {
    let _turn = lean_turn();
    let scene = Scene::of(&[TRUE, HOPELESS], &INIT);
    let (mut coordinator, url) = scene.serve(&["--until-over"]);
    scene.relay.decide(|_| Fate::Arrives);
    let other = Finder::join(&scene, &url);
    let leases = other.claim(CLAIM);
    scene.join("patient");
    let patient = scene.donor("patient");
    until("the donor is there", || scene.relay.n_asked("heartbeats") > 0);
    signal(&coordinator.0, Signal::SIGSTOP);
    std::thread::sleep(Duration::from_secs(6));
    signal(&coordinator.0, Signal::SIGCONT);
    // It looks for what is lost every five seconds.
    std::thread::sleep(Duration::from_secs(2));
    for lease in &leases {
        assert_eq!(other.exhausted(lease, CLAIM), "stored", "what was searched while it was away counts");
    }
    let (code, said) = patient.ended();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(scene.relay.n_asked("sessions"), 1, "{said}");
    drop(other);
    until("the coordinator ends", || coordinator.0.try_wait().unwrap().is_some());
    assert_eq!(scene.overview()["cost"]["searches"], 2);
}

/// Whether files can be kept from growing, which is how a disk is full here.
fn limit_files(child: &Child, bytes: &str) -> bool {
    let pid = format!("--pid={}", child.id());
    Command::new("prlimit").args([pid, format!("--fsize={bytes}:unlimited")]).status().is_ok_and(|it| it.success())
}

#[test]
fn a_proof_that_the_disk_does_not_take_waits_until_there_is_room() {
    let _turn = lean_turn();
    let scene = Scene::of(&[TRUE], &INIT);
    let (_coordinator, _) = scene.serve(&[]);
    scene.relay.decide(|part| if part == "results" { Fate::IsLost } else { Fate::Arrives });
    scene.join("full");
    // The program is to be told that a file may not grow, and not to be killed for it.
    let mut command = Command::new("sh");
    let donate = stepwise(scene.dir(), &["donate", "--cores", "1"]);
    command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(donate.get_program()).args(donate.get_args());
    command.envs(donate.get_envs().filter_map(|(name, value)| Some((name, value?)))).current_dir(scene.dir());
    command.env("STEPWISE_DONATE_DIR", scene.dir().join("full"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut donor = Donor::spawn(command);
    if !limit_files(donor.child(), "0") {
        println!("not tested: a full disk (there is no prlimit here)");
        return;
    }
    until("the proof is sent in vain", || scene.relay.n_asked("results") > 0);
    assert_eq!(scene.spooled("full").len(), 0);
    assert!(limit_files(donor.child(), "unlimited"));
    until("the proof is kept", || scene.spooled("full").len() == 1);
    let said = donor.killed();
    let folder = scene.dir().join("full/shared/spool");
    let told = format!("cannot keep finished work in {} (", folder.display());
    assert!(said.contains(&told) && said.contains("nothing more is searched until it can be"), "{said}");

    scene.relay.decide(|_| Fate::Arrives);
    let (code, said) = scene.donor("full").ended();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("1 finished searches of an earlier run are sent first"), "{said}");
    assert_eq!(scene.overview()["problems"]["proved"], 1);
}

#[test]
fn a_coordinator_that_comes_back_with_an_older_ledger_takes_the_proofs_that_it_does_not_expect() {
    let _turn = lean_turn();
    // The second stage searches what the first leaves open, and begins after the copy was made.
    let init = ["--no-disprove", "--stages", "2", "--timeout", "20", "--samples", "8", "--expansions", "8"];
    let scene = Scene::of(&[HOPELESS, TRUE], &init);
    let (coordinator, url) = scene.serve(&[]);
    scene.relay.decide(|part| if part == "results" { Fate::IsLost } else { Fate::Arrives });
    scene.join("old");
    scene.tell(&["campaign", "backup", "shared", "copy.db"]);
    let other = Finder::join(&scene, &url);
    for lease in other.claim(CLAIM) {
        assert_eq!(other.exhausted(&lease, CLAIM), "stored");
    }
    scene.join("new");
    let (mut old, new) = (scene.donor("old"), scene.donor("new"));
    until("the second stage is searched", || scene.spooled("old").len() + scene.spooled("new").len() == 2);
    signal(old.child(), Signal::SIGSTOP);
    new.killed();
    let (_, refused) = {
        let output = run(scene.dir(), &["campaign", "restore", "shared", "copy.db"]);
        (output.status, String::from_utf8(output.stderr).unwrap())
    };
    assert!(refused.contains("shared is being served; stop its coordinator first"), "{refused}");
    drop(coordinator);
    scene.tell(&["campaign", "restore", "shared", "copy.db"]);
    // What is proved from now on is proved by what donors have on disk.
    scene.tell(&["campaign", "pause", "shared"]);
    let (_coordinator, url) = scene.serve(&[]);
    scene.relay.decide(|_| Fate::Arrives);

    // Whose account the copy does not have is told so, and keeps its work until it has another.
    let n_kept = scene.spooled("new").len();
    let (code, said) = scene.donor("new").ended();
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("this campaign does not know the token"), "{said}");
    assert_eq!(scene.spooled("new").len(), n_kept);
    scene.join("new");
    let mut new = scene.donor("new");
    signal(old.child(), Signal::SIGCONT);
    until("the proof is verified", || scene.overview()["problems"]["proved"] == 1);
    for donor in [&mut old, &mut new] {
        signal(donor.child(), Signal::SIGTERM);
    }
    for (name, donor) in [("old", old), ("new", new)] {
        let (code, said) = donor.ended();
        assert!(matches!(code, Some(0 | 130)), "{name}: {code:?} {said}");
        assert_eq!(scene.spooled(name).len(), 0, "{name}: {said}");
    }
    // What the ledger knows of nobody is worth nothing.
    let stale = Finder { url, ..other };
    let (status, told) = ask(&stale.url, "claims", Some(&stale.token), &json!({}));
    assert_eq!(status, 401, "{told}");
}

/// What a bad network does next: most of the time what it should.
fn bad_luck(dice: &AtomicU64) -> Fate {
    // Knuth's multiplier, whose upper bits are as good as thrown.
    let step = |n: u64| Some(n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
    let thrown = dice.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).unwrap() >> 33;
    match thrown % 20 {
        0 => Fate::IsLost,
        1 => Fate::IsNotAnswered,
        2 => Fate::IsHalfAnswered,
        3 | 4 => Fate::IsRepeated,
        5 | 6 => Fate::Waits(Duration::from_millis(100 * (thrown >> 8 & 15))),
        _ => Fate::Arrives,
    }
}

#[test]
#[ignore = "the donor's own tests do it for many networks at once; this is over HTTP: cargo test -p stepwise-tests --test e2e -- --ignored a_network_that"]
fn a_network_that_loses_delays_and_repeats_messages_changes_nothing() {
    let _turn = lean_turn();
    let init = ["--stages", "1", "--timeout", "20", "--samples", "8", "--expansions", "8"];
    let scene =
        Scene::of(&[TRUE, HOPELESS, "theorem t3 (n : Nat) : n < 5", "theorem t4 (a b : Nat) : a + b = b + a"], &init);
    let (mut coordinator, _) = scene.serve(&["--until-over"]);
    scene.relay.decide(|_| Fate::Arrives);
    for name in ["one", "two"] {
        scene.join(name);
    }
    let dice = AtomicU64::new(u64::from(std::process::id()));
    println!("seed {}", std::process::id());
    scene.relay.decide(move |_| bad_luck(&dice));
    for donor in ["one", "two"].map(|name| scene.donor(name)) {
        let (code, said) = donor.ended();
        assert_eq!(code, Some(0), "{said}");
    }
    until("the coordinator ends", || coordinator.0.try_wait().unwrap().is_some());
    assert_eq!(scene.spooled("one").len() + scene.spooled("two").len(), 0);
    let overview = scene.overview();
    assert_eq!((&overview["problems"]["proved"], &overview["problems"]["disproved"]), (&json!(2), &json!(2)));
    assert_eq!(overview["cost"]["searches"], overview["stages"][0]["done"], "each search counts once: {overview}");
}
