//! Children tested with the shell: framing, limits, and that nothing is left behind.
#![cfg(unix)]

use std::time::Duration;

use tokio::time::Instant;

use super::{Child, ProcessError, Spec, run_to_end};

fn sh(script: &str) -> Spec {
    let mut spec = Spec::new("sh");
    spec.args = vec!["-c".into(), script.into()];
    spec
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

/// Whether the process runs: a zombie that nobody has reaped yet does not.
fn runs(pid: &str) -> bool {
    let pid = pid.trim();
    if cfg!(target_os = "linux") {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        return stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'));
    }
    let pid = nix::unistd::Pid::from_raw(pid.parse().unwrap());
    nix::sys::signal::kill(pid, None).is_ok()
}

async fn assert_gone(pid: &str) {
    for _ in 0..100 {
        if !runs(pid) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("process {pid} still runs");
}

#[tokio::test]
async fn lines_go_both_ways() {
    let mut child = Child::spawn(&sh("while read -r line; do echo \"<$line>\"; done; printf end")).unwrap();
    for line in ["a", "", "∀ x ∈ ℕ"] {
        child.send_line(line, soon()).await.unwrap();
        assert_eq!(child.next_line(soon()).await.unwrap(), format!("<{line}>"));
    }
    child.stdin = None;
    assert_eq!(child.next_line(soon()).await.unwrap(), "end");
    let error = child.next_line(soon()).await.unwrap_err();
    assert!(matches!(error, ProcessError::Ended { status: Some(status), .. } if status.success()), "{error}");
}

#[tokio::test]
async fn a_dropped_read_loses_nothing() {
    let mut child = Child::spawn(&sh("printf abc; sleep 0.3; echo def; echo g")).unwrap();
    let early = Instant::now() + Duration::from_millis(100);
    assert!(matches!(child.next_line(early).await, Err(ProcessError::Deadline)));
    assert_eq!(child.next_line(soon()).await.unwrap(), "abcdef");
    assert_eq!(child.next_line(soon()).await.unwrap(), "g");
}

#[tokio::test]
async fn an_endless_line_is_an_error_and_the_next_one_is_read() {
    let mut spec = sh("head -c 3000000 /dev/zero | tr '\\0' x; echo; echo next");
    spec.max_line = 1 << 20;
    let mut child = Child::spawn(&spec).unwrap();
    let error = child.next_line(soon()).await.unwrap_err();
    assert_eq!(error.to_string(), "a line of more than 1048576 bytes");
    assert!(child.buffer.capacity() < 4 << 20);
    assert_eq!(child.next_line(soon()).await.unwrap(), "next");
}

#[tokio::test]
async fn a_child_that_does_not_read_cannot_hold_us() {
    let mut child = Child::spawn(&sh("sleep 60")).unwrap();
    let line = "x".repeat(1 << 20);
    let early = Instant::now() + Duration::from_millis(200);
    assert!(matches!(child.send_line(&line, early).await, Err(ProcessError::Deadline)));
    assert!(matches!(child.send_line("y", soon()).await, Err(ProcessError::Torn)));
}

#[tokio::test]
async fn last_words_are_the_end_of_standard_error() {
    let mut child = Child::spawn(&sh("head -c 100000 /dev/zero | tr '\\0' x >&2; echo PANIC >&2; exit 3")).unwrap();
    match child.next_line(soon()).await {
        Err(ProcessError::Ended { status: Some(status), last_words }) => {
            assert_eq!(status.code(), Some(3));
            assert!(last_words.ends_with("PANIC"));
            assert!(last_words.len() <= super::LAST_WORDS);
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_kill_takes_the_grandchildren_along() {
    let mut child = Child::spawn(&sh("sleep 60 & echo $!; wait")).unwrap();
    let grandchild = child.next_line(soon()).await.unwrap();
    assert!(runs(&grandchild));
    child.kill().await;
    assert_gone(&grandchild).await;
    child.kill().await;
}

#[tokio::test]
async fn a_drop_takes_the_grandchildren_along_even_when_the_child_has_ended() {
    let mut child = Child::spawn(&sh("sleep 60 >/dev/null 2>&1 & echo $!")).unwrap();
    let grandchild = child.next_line(soon()).await.unwrap();
    assert!(matches!(child.next_line(soon()).await, Err(ProcessError::Ended { .. })));
    assert!(runs(&grandchild));
    drop(child);
    assert_gone(&grandchild).await;
}

#[tokio::test]
async fn the_guard_kills_the_group_when_our_end_of_its_pipe_closes() {
    // The kernel closes the pipe when this process is killed; here we close it ourselves.
    let mut child = Child::spawn(&sh("sleep 60 & echo $!; wait")).unwrap();
    let grandchild = child.next_line(soon()).await.unwrap();
    drop(child.guard.as_mut().expect("a guard").stdin.take());
    assert_gone(&grandchild).await;
    assert_gone(&child.pid().to_string()).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn memory_and_cpu_time_are_measured_and_memory_is_limited() {
    // The shell doubles a string until it is stopped: memory and CPU time both grow.
    let mut spec = sh("x=0123456789abcdef; while :; do x=$x$x; done");
    spec.memory_limit = Some(64 << 20);
    let mut child = Child::spawn(&spec).unwrap();
    match child.next_line(soon()).await {
        Err(ProcessError::OutOfMemory { used, limit }) => assert!(used > limit),
        other => panic!("{other:?}"),
    }
    let mut child = Child::spawn(&sh("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo done; sleep 60")).unwrap();
    child.next_line(soon()).await.unwrap();
    assert!(child.cpu_time().unwrap() > Duration::ZERO);
    assert!(child.memory().unwrap() > 0);
    child.kill().await;
    assert_eq!(child.memory(), None);
    assert_eq!(child.cpu_time(), None);
}

#[tokio::test]
async fn short_programs_run_to_their_end() {
    let finished = run_to_end(&sh("echo a; echo b; echo c >&2; exit 2"), soon()).await.unwrap();
    assert_eq!((finished.stdout.as_str(), finished.last_words.as_str()), ("a\nb\n", "c"));
    assert_eq!(finished.status.code(), Some(2));
    let error = run_to_end(&Spec::new("no-such-program-of-stepwise"), soon()).await.unwrap_err();
    assert!(error.to_string().starts_with("cannot start no-such-program-of-stepwise: "), "{error}");
}
