//! Set-up against a real HTTP server, through every fault that it promises to survive.

mod fixture;
mod server;

use std::fs;
use std::io;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Mutex;
use std::thread;

use expect_test::{Expect, expect};
use tar::EntryType;

use self::fixture::{Fixture, Member, archive, file, lean_tarball};
use self::server::Answer;
use stepwise_lean::machine::Fault;
use stepwise_lean_wasmtime::FolderError;

use super::{Modules, PackedCode, Part, Phase, Progress, SetupError, Silent, Step, inspect};

fn check(actual: impl std::fmt::Debug, expected: Expect) {
    expected.assert_debug_eq(&actual);
}

fn check_error(fixture: &Fixture, expected: Expect) {
    let error = fixture.ensure().unwrap_err();
    expected.assert_eq(&fixture.line(&error));
}

const LEAN_PART: &str = "downloads/lean-test-1.0.0.tgz.part";
const LEAN_TARBALL: &str = "downloads/lean-test-1.0.0.tgz";

#[test]
fn the_first_run_brings_everything_and_the_second_needs_no_network() {
    let mut fixture = Fixture::new();
    let first = fixture.ensure().unwrap();
    check(
        fixture.server.requests(),
        expect![[r#"
            [
                "/lean-test/-/lean-test-1.0.0.tgz",
            ]
        "#]],
    );
    check(
        fixture.files(),
        expect![[r#"
            [
                "downloads/lean-test-1.0.0.tgz",
                "lean-test-1.0.0-r1-Init-s1/library.snapshot",
                "lean-test-1.0.0-r1-Init-s1/manifest.json",
                "lean-test-1.0.0-r1/lean.0.code",
                "lean-test-1.0.0-r1/manifest.json",
                "lock",
            ]
        "#]],
    );
    assert_eq!(first.code, fixture.cache().join("lean-test-1.0.0-r1"));
    assert_eq!(first.library, fixture.cache().join("lean-test-1.0.0-r1-Init-s1"));
    expect![[r#"
        ["Init"]
        Init.olean
        Init/Core.olean
        Std/Data/Map.olean
    "#]]
    .assert_eq(&fs::read_to_string(first.library.join("library.snapshot")).unwrap());

    fixture.options.registry = Some("http://127.0.0.1:1/".to_owned());
    assert_eq!(fixture.ensure().unwrap(), first);
    fixture.options.check_contents = true;
    assert_eq!(fixture.ensure().unwrap(), first);
    assert_eq!(*fixture.stand_in.calls.lock().unwrap(), [1, 1, 0]);
}

#[test]
fn other_modules_share_the_code() {
    let mut fixture = Fixture::new();
    let first = fixture.ensure().unwrap();
    fixture.options.modules = Modules::Std;
    let second = fixture.ensure().unwrap();
    assert_eq!(second.code, first.code);
    assert_eq!(second.library, fixture.cache().join("lean-test-1.0.0-r1-Init+Std-s1"));
    assert_eq!(*fixture.stand_in.calls.lock().unwrap(), [1, 2, 0]);
    check(fixture.setup().inspect().unused, expect!["[]\n"]);
}

#[test]
fn a_cut_connection_is_taken_up_where_it_broke() {
    let fixture = Fixture::new();
    fixture.server.script(&[Answer::CutAfter(100_000), Answer::CutAfter(7), Answer::Status(503)]);
    fixture.ensure().unwrap();
    check(
        fixture.server.requests(),
        expect![[r#"
        [
            "/lean-test/-/lean-test-1.0.0.tgz",
            "/lean-test/-/lean-test-1.0.0.tgz from 100000",
            "/lean-test/-/lean-test-1.0.0.tgz from 100007",
            "/lean-test/-/lean-test-1.0.0.tgz from 100007",
        ]
    "#]],
    );
}

#[test]
fn a_killed_download_is_taken_up_by_the_next_run() {
    let fixture = Fixture::new();
    fixture.server.script(&[Answer::CutAfter(50_000), Answer::Status(403)]);
    check_error(
        &fixture,
        expect![
            "REGISTRY answered 403 for lean-test@1.0.0; check that `registry` in .npmrc names a complete mirror and that its token is valid, then run `stepwise setup` again"
        ],
    );
    assert_eq!(fs::metadata(fixture.cache().join(LEAN_PART)).unwrap().len(), 50_000);
    fixture.server.requests();
    fixture.ensure().unwrap();
    check(
        fixture.server.requests(),
        expect![[r#"
        [
            "/lean-test/-/lean-test-1.0.0.tgz from 50000",
        ]
    "#]],
    );
}

#[test]
fn a_server_without_ranges_starts_over() {
    let fixture = Fixture::new();
    leave(&fixture, LEAN_PART, &[b'x'; 1000]);
    fixture.server.script(&[Answer::WithoutRanges]);
    fixture.ensure().unwrap();
    check(
        fixture.server.requests(),
        expect![[r#"
        [
            "/lean-test/-/lean-test-1.0.0.tgz from 1000",
        ]
    "#]],
    );
}

#[test]
fn a_partial_file_that_does_not_belong_is_thrown_away_once() {
    let fixture = Fixture::new();
    leave(&fixture, LEAN_PART, &[b'x'; 1000]);
    fixture.ensure().unwrap();
    check(
        fixture.server.requests(),
        expect![[r#"
        [
            "/lean-test/-/lean-test-1.0.0.tgz from 1000",
            "/lean-test/-/lean-test-1.0.0.tgz",
        ]
    "#]],
    );

    let fixture = Fixture::new();
    leave(&fixture, LEAN_PART, &vec![b'x'; 1 << 20]);
    fixture.server.script(&[Answer::Status(416)]);
    fixture.ensure().unwrap();
}

#[test]
fn wrong_bytes_are_never_used() {
    let fixture = Fixture::new();
    fixture.server.script(&[Answer::Wrong]);
    check_error(
        &fixture,
        expect![
            "what REGISTRY serves as lean-test@1.0.0 is not the package that stepwise was built for (its sha512 differs) and was thrown away; name another registry in .npmrc, or update stepwise"
        ],
    );
    check(
        fixture.files(),
        expect![[r#"
            [
                "lock",
            ]
        "#]],
    );
    fixture.ensure().unwrap();
}

#[test]
fn an_answer_that_will_not_change_is_not_asked_for_again() {
    let fixture = Fixture::new();
    fixture.server.script(&[Answer::Status(401)]);
    check_error(
        &fixture,
        expect![
            "REGISTRY answered 401 for lean-test@1.0.0; check that `registry` in .npmrc names a complete mirror and that its token is valid, then run `stepwise setup` again"
        ],
    );
    assert_eq!(fixture.server.requests().len(), 1);
}

#[test]
fn without_network_it_says_so() {
    let mut fixture = Fixture::new();
    // A port that was free a moment ago.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    fixture.options.registry = Some(format!("http://{address}"));
    let line = fixture.line(&fixture.ensure().unwrap_err()).replace(&address.to_string(), "ADDRESS");
    // The number of the error is the system's.
    let line = line.replace(|digit: char| digit.is_ascii_digit(), "");
    expect!["cannot download lean-test@.. from http://ADDRESS (io: Connection refused (os error )); check the network, the proxy (HTTPS_PROXY) and `registry` in .npmrc, then run `stepwise setup` again, which goes on where it stopped"].assert_eq(&line);
}

#[test]
fn the_registry_and_its_token_come_from_npmrc() {
    let mut fixture = Fixture::new();
    let address = fixture.server.address.clone();
    let host = address.strip_prefix("http:").unwrap();
    fixture.options.registry = None;
    fs::write(fixture.options.npmrc.as_ref().unwrap(), format!("registry={address}\n{host}:_authToken=secret\n"))
        .unwrap();
    fixture.ensure().unwrap();
    check(
        fixture.server.requests(),
        expect![[r#"
        [
            "/lean-test/-/lean-test-1.0.0.tgz as Bearer secret",
        ]
    "#]],
    );
}

#[test]
fn several_at_once_download_once() {
    let fixture = Fixture::new();
    let phases = Phases::default();
    thread::scope(|scope| {
        let runs: Vec<_> = (0..4).map(|_| scope.spawn(|| fixture.setup().ensure(&Silent).unwrap())).collect();
        for run in runs {
            assert_eq!(run.join().unwrap().modules, Modules::Init);
        }
    });
    assert_eq!(fixture.server.requests().len(), 1);

    // One that finds the lock taken says that it waits.
    fs::remove_dir_all(fixture.cache().join("lean-test-1.0.0-r1")).unwrap();
    let setup = fixture.setup();
    let lock = setup.cache.lock(&Silent).unwrap();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| setup.ensure(&phases).unwrap());
        while phases.seen().is_empty() {
            thread::yield_now();
        }
        drop(lock);
        waiting.join().unwrap();
    });
    check(
        phases.seen(),
        expect![[r#"
        [
            "waiting for another stepwise that is setting up",
            "verifying lean-test@1.0.0: all",
            "unpacking lean-test@1.0.0: all",
            "rewriting lean-test@1.0.0: all",
            "compiling for this machine lean-test@1.0.0: all",
            "importing the library of lean-test@1.0.0: all",
            "testing lean-test@1.0.0: all",
        ]
    "#]],
    );
}

#[test]
fn packed_code_is_taken_when_its_hash_is_the_expected_one() {
    let elsewhere = Fixture::new();
    elsewhere.complete().unwrap();
    let mut fixture = Fixture::new();
    let path = fixture.folder.path().join("from-elsewhere");
    let installed = elsewhere.complete().unwrap();
    let sha256 = super::prepare::pack(&[&installed.code, &installed.rest], &path).unwrap();

    fixture.options.code = Some(PackedCode { path: path.clone(), sha256: "00".repeat(32) });
    let error = fixture.ensure().unwrap_err();
    let found = fixture.line(&error).replace(&sha256, "FOUND");
    expect![
        "FOLDER/from-elsewhere has the SHA-256 FOUND, which is not the one of --sha256; copy it again, or leave out --code to compile it"
    ]
    .assert_eq(&found);
    fixture.options.code = Some(PackedCode { path, sha256: sha256.to_uppercase() });
    let here = fixture.complete().unwrap();
    for (folder, other, file) in
        [(here.code, installed.code, "lean.0.code"), (here.rest, installed.rest, "lean.2.code")]
    {
        assert_eq!(fs::read(folder.join(file)).unwrap(), fs::read(other.join(file)).unwrap());
    }
    assert_eq!(*fixture.stand_in.calls.lock().unwrap(), [0, 1, 0]);
}

#[test]
fn lean_can_be_used_before_the_rest_is_compiled() {
    let fixture = Fixture::new();
    let first = fixture.ensure().unwrap();
    assert!(!first.is_complete && !first.rest.exists());
    assert!(inspect_fixture(&fixture).is_ready());
    assert!(!inspect_fixture(&fixture).rest.is_ready());
    let complete = fixture.complete().unwrap();
    assert!(complete.is_complete && inspect_fixture(&fixture).rest.is_ready());
    assert_eq!(inspect_fixture(&fixture).unused, []);
    // Neither does anything a second time.
    assert_eq!(fixture.ensure().unwrap(), complete);
    fixture.complete().unwrap();
    assert_eq!(*fixture.stand_in.calls.lock().unwrap(), [1, 1, 1]);
}

#[test]
fn a_library_that_calls_the_rest_waits_for_it() {
    let fixture = Fixture::new();
    fixture.stand_in.failures.lock().unwrap()[1] = Some(Fault::Incomplete.into());
    assert!(fixture.ensure().unwrap().is_complete);
    assert_eq!(*fixture.stand_in.calls.lock().unwrap(), [1, 2, 1]);
}

#[test]
fn what_killed_runs_left_is_removed() {
    let fixture = Fixture::new();
    leave(&fixture, ".new-lean-test-1.0.0-r1/half", b"half");
    leave(&fixture, ".new-lean-test-1.0.0-r0/half", b"an older version's");
    leave(&fixture, ".new-scratch/package/lean.wasm", b"half");
    leave(&fixture, ".old-lean-test-1.0.0-r1/lean.wasm", b"old");
    // Killed between the two renames of a repair, or a folder that someone else made: no manifest.
    leave(&fixture, "lean-test-1.0.0-r1/lean.wasm", b"?");
    fixture.ensure().unwrap();
    assert_eq!(leftovers(&fixture), Vec::<String>::new());
    assert!(!fs::exists(fixture.cache().join("lean-test-1.0.0-r1/half")).unwrap());
}

#[test]
fn a_damaged_folder_is_repaired_without_network() {
    let mut fixture = Fixture::new();
    let installed = fixture.ensure().unwrap();
    fixture.options.registry = Some("http://127.0.0.1:1/".to_owned());
    let snapshot = installed.library.join("library.snapshot");
    let whole = fs::read_to_string(&snapshot).unwrap();
    for damage in [None, Some("another length"), Some("")] {
        match damage {
            None => fs::remove_file(&snapshot).unwrap(),
            Some(text) => fs::write(&snapshot, text).unwrap(),
        }
        assert!(!inspect_fixture(&fixture).library.is_ready());
        fixture.ensure().unwrap();
        assert_eq!(fs::read_to_string(&snapshot).unwrap(), whole);
    }
    // The same size: its time tells that it may have changed, and its contents that it has.
    fs::write(&snapshot, whole.to_uppercase()).unwrap();
    let report = inspect_fixture(&fixture);
    expect![
        "damaged in FOLDER/cache/lean-test-1.0.0-r1-Init-s1 (library.snapshot has changed); run `stepwise setup` to repair it"
    ]
    .assert_eq(&report.library.to_string().replace(&fixture.folder.path().display().to_string(), "FOLDER"));
    fixture.ensure().unwrap();
    assert_eq!(fs::read_to_string(&snapshot).unwrap(), whole);
    // Another time and the same contents, as in a cache that was copied.
    fs::write(&snapshot, &whole).unwrap();
    let calls = *fixture.stand_in.calls.lock().unwrap();
    fixture.ensure().unwrap();
    assert_eq!(*fixture.stand_in.calls.lock().unwrap(), calls);
    // The same time and other contents, as after a fault of the disk: only reading everything tells.
    fs::remove_dir_all(&installed.library).unwrap();
    fixture.ensure().unwrap();
    let time = fs::metadata(&snapshot).unwrap().modified().unwrap();
    fs::write(&snapshot, whole.to_uppercase()).unwrap();
    fs::File::options().write(true).open(&snapshot).unwrap().set_modified(time).unwrap();
    assert!(inspect_fixture(&fixture).is_ready());
    fixture.options.check_contents = true;
    fixture.ensure().unwrap();
    assert_eq!(fs::read_to_string(&snapshot).unwrap(), whole);

    fs::write(installed.library.join("manifest.json"), "{").unwrap();
    fixture.ensure().unwrap();
    // Damaged code is made anew, and what was made with it is not.
    fs::write(installed.code.join("lean.0.code"), "foreign").unwrap();
    assert!(!inspect_fixture(&fixture).is_ready());
    fixture.ensure().unwrap();
    assert_ne!(fs::read(installed.code.join("lean.0.code")).unwrap(), b"foreign");
}

#[test]
fn a_new_recipe_prepares_again_from_the_kept_tarball() {
    let mut fixture = Fixture::new();
    let first = fixture.ensure().unwrap();
    fixture.options.registry = Some("http://127.0.0.1:1/".to_owned());
    let mut setup = fixture.setup();
    setup.code_recipe = "r2".to_owned();
    let second = setup.ensure(&Silent).unwrap();
    assert_eq!(second.code, fixture.cache().join("lean-test-1.0.0-r2"));
    assert_ne!(second.library, first.library);
    // Another way to the memory leaves the code as it is.
    let mut setup = fixture.setup();
    setup.library_recipe = "s2".to_owned();
    let third = setup.ensure(&Silent).unwrap();
    assert_eq!((&third.code, third.library), (&first.code, fixture.cache().join("lean-test-1.0.0-r1-Init-s2")));
    assert_eq!(*fixture.stand_in.calls.lock().unwrap(), [2, 3, 0]);
}

#[test]
fn a_failed_preparation_says_why_and_leaves_nothing() {
    let full = || FolderError::Io { path: "/cache/lean.0.code".into(), source: io::ErrorKind::StorageFull.into() };
    let failures: [[Option<FolderError>; 3]; 4] = [
        [Some(Fault::Crashed("the module is none".to_owned()).into()), None, None],
        [None, Some(Fault::Unfit("omega does not prove it".to_owned()).into()), None],
        [Some(full()), None, None],
        [None, Some(full()), None],
    ];
    let mut lines = Vec::new();
    for failure in failures {
        let fixture = Fixture::new();
        let is_compiled = failure[0].is_none();
        *fixture.stand_in.failures.lock().unwrap() = failure;
        lines.push(fixture.line(&fixture.ensure().unwrap_err()));
        assert!(!inspect_fixture(&fixture).is_ready());
        assert_eq!(leftovers(&fixture), Vec::<String>::new());
        // The next run goes on where this one stopped.
        fixture.ensure().unwrap();
        assert_eq!(*fixture.stand_in.calls.lock().unwrap(), if is_compiled { [1, 2, 0] } else { [2, 1, 0] });
    }
    check(
        lines,
        expect![[r#"
        [
            "cannot prepare lean-test@1.0.0: the module is none; run `stepwise setup --force` with 2 GB of memory free",
            "cannot prepare lean-test@1.0.0: omega does not prove it: this driver does not fit this Lean; run `stepwise setup --force` with 2 GB of memory free",
            "no room left on the disk of /cache/lean.0.code; free about 900 MB and run `stepwise setup` again, which goes on where it stopped, or set STEPWISE_CACHE_DIR to a larger disk",
            "no room left on the disk of /cache/lean.0.code; free about 900 MB and run `stepwise setup` again, which goes on where it stopped, or set STEPWISE_CACHE_DIR to a larger disk",
        ]
    "#]],
    );
}

#[test]
fn a_kept_tarball_is_verified_before_it_is_used_again() {
    let fixture = Fixture::new();
    let installed = fixture.ensure().unwrap();
    fixture.server.requests();
    fs::remove_dir_all(&installed.library).unwrap();
    fs::write(fixture.cache().join(LEAN_TARBALL), "gone bad").unwrap();
    fixture.ensure().unwrap();
    check(
        fixture.server.requests(),
        expect![[r#"
        [
            "/lean-test/-/lean-test-1.0.0.tgz",
        ]
    "#]],
    );
}

#[test]
fn archives_that_reach_outside_are_refused() {
    let link = Member { path: "./Init/Link.olean", contents: b"", kind: EntryType::Symlink };
    let unsafe_members = [
        file("../../../evil", "x"),
        file("/evil", "x"),
        file("Init/../../../../evil", "x"),
        file("c:\\evil", "x"),
        link,
    ];
    let mut lines = Vec::new();
    for member in unsafe_members {
        let library = archive(&[file("Init.olean", "init"), member]);
        let fixture = Fixture::with_lean(lean_tarball(&library));
        lines.push(fixture.line(&fixture.ensure().unwrap_err()));
        let files = fixture.files();
        assert!(files.iter().all(|file| file.starts_with("downloads/") || file == "lock"));
        assert!(!fs::exists(fixture.folder.path().join("evil")).unwrap());
    }
    check(
        lines,
        expect![[r#"
        [
            "cannot unpack lean-test@1.0.0: it holds the unsafe path ../../../evil; this needs a newer stepwise",
            "cannot unpack lean-test@1.0.0: it holds the unsafe path /evil; this needs a newer stepwise",
            "cannot unpack lean-test@1.0.0: it holds the unsafe path Init/../../../../evil; this needs a newer stepwise",
            "cannot unpack lean-test@1.0.0: it holds the unsafe path c:\\evil; this needs a newer stepwise",
            "cannot unpack lean-test@1.0.0: it holds Init/Link.olean, which is neither a file nor a folder (Symlink); this needs a newer stepwise",
        ]
    "#]],
    );
}

#[test]
fn another_package_fails_loudly() {
    let without_library = lean_tarball(&archive(&[file("Mathlib.olean", "x")]));
    check_error(
        &Fixture::with_lean(without_library),
        expect![
            "cannot unpack lean-test@1.0.0: it holds no library files in lean-lib.tar.gz; this needs a newer stepwise"
        ],
    );
    check_error(
        &Fixture::with_lean(lean_tarball(b"no archive")),
        expect![
            "cannot unpack lean-test@1.0.0: its archive is broken (invalid gzip header); this needs a newer stepwise"
        ],
    );
}

#[test]
fn inspect_tells_what_is_there() {
    let fixture = Fixture::new();
    let report = inspect_fixture(&fixture);
    assert!(!report.is_ready());
    assert!(matches!(report.code, Part::Missing { to_download } if to_download == fixture.lean.bytes));
    assert!(!fixture.cache().exists(), "looking changes nothing");

    leave(&fixture, LEAN_PART, &[b'x'; 1000]);
    leave(&fixture, "lean-test-0.9.0-r1/lean.wasm", b"older");
    let report = inspect_fixture(&fixture);
    assert!(matches!(report.code, Part::Missing { to_download } if to_download == fixture.lean.bytes - 1000));

    fixture.ensure().unwrap();
    let report = inspect_fixture(&fixture);
    assert!(report.is_ready());
    let names = |list: &[(std::path::PathBuf, u64)]| -> Vec<String> {
        list.iter().map(|(path, _)| Path::new(path).file_name().unwrap().to_string_lossy().into_owned()).collect()
    };
    check(
        (names(&report.downloads), names(&report.unused)),
        expect![[r#"
        (
            [
                "lean-test-1.0.0.tgz",
            ],
            [
                "lean-test-0.9.0-r1",
            ],
        )
    "#]],
    );
    assert!(inspect(&fixture.options).is_ok());
}

#[test]
fn progress_reaches_the_total_of_every_phase() {
    let fixture = Fixture::new();
    let phases = Phases::default();
    fixture.ensure_with(&phases).unwrap();
    check(
        phases.seen(),
        expect![[r#"
        [
            "downloading lean-test@1.0.0: all",
            "verifying lean-test@1.0.0: all",
            "unpacking lean-test@1.0.0: all",
            "rewriting lean-test@1.0.0: all",
            "compiling for this machine lean-test@1.0.0: all",
            "importing the library of lean-test@1.0.0: all",
            "testing lean-test@1.0.0: all",
        ]
    "#]],
    );
}

#[test]
fn a_full_disk_says_what_to_do() {
    let error = SetupError::io("write", Path::new("/cache/x"), 300_000_000, io::ErrorKind::StorageFull.into());
    expect!["no room left on the disk of /cache/x; free about 300 MB and run `stepwise setup` again, which goes on where it stopped, or set STEPWISE_CACHE_DIR to a larger disk"].assert_eq(&error.to_string());
}

/// Remembers, per phase and package, the last report.
#[derive(Default)]
struct Phases(Mutex<Vec<Step>>);

impl Phases {
    fn seen(&self) -> Vec<String> {
        let steps = self.0.lock().unwrap();
        steps
            .iter()
            .map(|step| match step.phase {
                Phase::Waiting => step.phase.to_string(),
                _ if step.done == step.total => format!("{} {}: all", step.phase, step.package),
                _ => format!("{} {}: {} of {}", step.phase, step.package, step.done, step.total),
            })
            .collect()
    }
}

impl Progress for Phases {
    fn report(&self, step: &Step) {
        let mut steps = self.0.lock().unwrap();
        match steps.last_mut() {
            Some(last) if last.phase == step.phase && last.package == step.package => *last = step.clone(),
            _ => steps.push(step.clone()),
        }
    }
}

fn inspect_fixture(fixture: &Fixture) -> super::Report {
    fixture.setup().inspect()
}

/// Temporary folders in the cache.
fn leftovers(fixture: &Fixture) -> Vec<String> {
    let entries = fs::read_dir(fixture.cache()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with('.')).collect()
}

/// Leaves a file in the cache, as an earlier run could have.
fn leave(fixture: &Fixture, path: &str, contents: &[u8]) {
    let path = fixture.cache().join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, contents).unwrap();
}
