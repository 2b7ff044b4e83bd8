//! Coordinators and donors that are killed at random, by the hundred: what a donor had finished arrives.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};

use super::relay::Fate;
use super::scene::Scene;
use super::{ask, text};
use crate::cli::lean_turn;

/// How many processes are killed; `STEPWISE_KILLS` says otherwise.
const KILLS: u64 = 1000;

/// Problems of one campaign.
const PROBLEMS: usize = 40;

const DONORS: [&str; 2] = ["one", "two"];

/// What a donor has finished, by the names under which it hands it in.
type Finished = BTreeMap<String, Value>;

/// Looks at what a donor has on disk, so often that little escapes it.
struct Witness {
    ends: Arc<AtomicBool>,
    saw: JoinHandle<Finished>,
}

impl Witness {
    fn of(spool: &Path) -> Self {
        let (spool, ends) = (spool.to_owned(), Arc::new(AtomicBool::new(false)));
        let over = Arc::clone(&ends);
        let saw = std::thread::spawn(move || {
            let mut finished = Finished::new();
            while !over.load(Ordering::Relaxed) {
                for entry in std::fs::read_dir(&spool).into_iter().flatten().flatten() {
                    // It may be gone by now, or not be finished.
                    let Ok(text) = std::fs::read_to_string(entry.path()) else { continue };
                    let Ok(mut line) = serde_json::from_str::<Value>(&text) else { continue };
                    let result = line["result"].take();
                    finished.insert(result["submission"].to_string(), result);
                }
                std::thread::sleep(Duration::from_millis(3));
            }
            finished
        });
        Self { ends, saw }
    }

    fn told(self) -> Finished {
        self.ends.store(true, Ordering::Relaxed);
        self.saw.join().unwrap()
    }
}

/// The same numbers in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// One campaign, in which at most so many are killed; how many were, and how many results were seen.
fn campaign(dice: &mut Dice, at_most: u64) -> (u64, usize) {
    let statement = |n: usize| format!("theorem k{n} (a b : Nat) : a + b + {n} = b + {n} + a");
    let statements: Vec<String> = (1..=PROBLEMS).map(statement).collect();
    let statements: Vec<&str> = statements.iter().map(String::as_str).collect();
    let scene = Scene::of(&statements, &["--no-disprove", "--stages", "1", "--timeout", "30", "--samples", "8"]);
    let (mut coordinator, _) = scene.serve(&[]);
    scene.relay.decide(|_| Fate::Arrives);
    let mut donors = DONORS.map(|name| {
        scene.join(name);
        scene.donor(name)
    });
    let witnesses = DONORS.map(|name| Witness::of(&scene.dir().join(name).join("shared/spool")));
    let mut n_kills = 0;
    while n_kills < at_most && scene.overview()["state"] != "done" {
        std::thread::sleep(Duration::from_millis(dice.roll(2500)));
        match dice.roll(3) {
            0 => {
                coordinator.kill();
                coordinator = scene.serve(&[]).0;
            }
            n => {
                let n = n as usize - 1;
                donors[n].process.kill();
                donors[n] = scene.donor(DONORS[n]);
            }
        }
        n_kills += 1;
    }
    for donor in donors {
        let (code, said) = donor.ended();
        assert_eq!(code, Some(0), "{said}");
    }
    let mut n_results = 0;
    let (_coordinator, url) = scene.serve(&[]);
    for (name, witness) in DONORS.into_iter().zip(witnesses) {
        let account = std::fs::read_to_string(scene.dir().join(name).join("shared/account.json")).unwrap();
        let token = text(&serde_json::from_str::<Value>(&account).unwrap()["token"]);
        for result in witness.told().into_values() {
            let (status, receipts) = ask(&url, "results", Some(&token), &json!({ "results": [result] }));
            assert_eq!((status, &receipts["receipts"][0]["type"]), (200, &json!("duplicate")), "{result} is lost");
            n_results += 1;
        }
    }
    let overview = scene.overview();
    assert_eq!(overview["problems"]["proved"], PROBLEMS, "{overview}");
    assert_eq!(overview["cost"]["searches"], overview["stages"][0]["done"], "each search counts once: {overview}");
    (n_kills, n_results)
}

#[test]
#[ignore = "takes half an hour; `STEPWISE_KILLS=1000 cargo test -p stepwise-tests --test e2e -- --ignored processes_that`"]
fn processes_that_are_killed_by_the_hundred_lose_nothing_that_was_finished() {
    let _turn = lean_turn();
    let wanted = std::env::var("STEPWISE_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(KILLS);
    let (mut dice, mut n_kills, mut n_results, mut n_campaigns) = (Dice(1), 0, 0, 0);
    while n_kills < wanted {
        let (kills, results) = campaign(&mut dice, wanted - n_kills);
        (n_kills, n_results, n_campaigns) = (n_kills + kills, n_results + results, n_campaigns + 1);
        println!("{n_kills} kills in {n_campaigns} campaigns, {n_results} results seen on donors' disks, none lost");
    }
}
