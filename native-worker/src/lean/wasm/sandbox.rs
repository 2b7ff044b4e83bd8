//! What a host of Lean may do to the machine that it runs on: read its own Lean, and nothing else.
//!
//! Lean's module has no way out by itself. If it ever found one, through a fault of what runs it, it would be in a process
//! that can open no other file, reach no network, start no program and signal nobody. Files, TCP and signals are Landlock's
//! (Linux 5.13 or later, more of them in later ones), and seccomp's filter takes the system calls that lead elsewhere.

use std::path::Path;

/// How much a host needs its sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sandbox {
    /// It is entered as far as the system has one.
    Wanted,
    /// The host does not start unless it was entered and nothing got out.
    Needed,
}

impl Sandbox {
    /// As the command line of a host has it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Wanted => "wanted",
            Self::Needed => "needed",
        }
    }

    /// As [`word`](Self::word) wrote it.
    pub(super) fn of(word: &str) -> Option<Self> {
        [Self::Wanted, Self::Needed].into_iter().find(|sandbox| sandbox.word() == word)
    }

    /// Shuts this process in, for good. To be called while it has one thread, because later ones are shut in with it.
    ///
    /// # Errors
    /// The sandbox is needed, and there is none, or something got out of it.
    pub(super) fn enter(self, readable: &[&Path]) -> Result<(), String> {
        let entered = system::enter(readable);
        if self == Self::Wanted {
            return Ok(());
        }
        let advice =
            "`campaign serve --no-sandbox` verifies strangers' proofs all the same, on a machine with nothing to lose";
        entered.map_err(|reason| format!("there is no sandbox here ({reason}); {advice}"))?;
        let ways = system::ways_out();
        if ways.is_empty() {
            return Ok(());
        }
        Err(format!("the sandbox leaks, and a host could {}; {advice}", ways.join(", ")))
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::collections::BTreeMap;
    use std::ffi::CString;
    use std::fs::{File, OpenOptions};
    use std::io::ErrorKind;
    use std::net::{TcpStream, UdpSocket};
    use std::path::Path;

    use landlock::{
        ABI, Access, AccessFs, AccessNet, BitFlags, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError,
        RulesetStatus, Scope, path_beneath_rules,
    };
    use nix::errno::Errno;
    use nix::libc;
    use nix::sys::signal::kill;
    use nix::unistd::{execv, getppid};
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

    /// The newest Landlock that this code knows; on an older one less is handled.
    const KNOWN: ABI = ABI::V6;

    /// Which pages of its memory this process has changed: what runs Lean asks for it, so that an instance's memory is made
    /// as it was without copying all of it.
    const OWN_PAGES: &str = "/proc/self/pagemap";

    /// System calls that lead out of a process that has its files already.
    const OUTWARD: [libc::c_long; 24] = [
        libc::SYS_socket,
        libc::SYS_socketpair,
        libc::SYS_connect,
        libc::SYS_bind,
        libc::SYS_listen,
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_kill,
        libc::SYS_tkill,
        libc::SYS_rt_sigqueueinfo,
        libc::SYS_pidfd_open,
        libc::SYS_pidfd_getfd,
        libc::SYS_pidfd_send_signal,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_io_uring_setup,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_mount,
        libc::SYS_unshare,
        libc::SYS_setns,
        libc::SYS_keyctl,
        libc::SYS_add_key,
    ];

    /// On x86-64 every system call has a second number, for programs with 32-bit addresses.
    const X32: libc::c_long = 0x4000_0000;

    pub(super) fn enter(readable: &[&Path]) -> Result<(), String> {
        let files = lock(readable).map_err(|error| error.to_string());
        // Either is entered whether or not the other can be.
        filter()?;
        match files? {
            RulesetStatus::NotEnforced => Err("this kernel has no Landlock".to_owned()),
            RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(()),
        }
    }

    fn lock(readable: &[&Path]) -> Result<RulesetStatus, RulesetError> {
        let reading: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::ReadDir;
        let ruleset = Ruleset::default()
            .handle_access(AccessFs::from_all(KNOWN))?
            .handle_access(AccessNet::from_all(KNOWN))?
            .scope(Scope::from_all(KNOWN))?
            .create()?;
        let readable = readable.iter().copied().chain([Path::new(OWN_PAGES)]);
        Ok(ruleset.add_rules(path_beneath_rules(readable, reading))?.restrict_self()?.ruleset)
    }

    fn filter() -> Result<(), String> {
        let numbers = OUTWARD.iter().flat_map(|number| [*number, *number | X32]);
        let numbers = numbers.filter(|number| cfg!(target_arch = "x86_64") || *number < X32);
        let rules: BTreeMap<i64, _> = numbers.map(|number| (number, Vec::new())).collect();
        let architecture = std::env::consts::ARCH.try_into().map_err(|_| "seccomp is not known here".to_owned())?;
        let denied = SeccompAction::Errno(libc::EPERM.unsigned_abs());
        let filter = SeccompFilter::new(rules, SeccompAction::Allow, denied, architecture);
        let program: BpfProgram = filter.and_then(TryInto::try_into).map_err(|error| error.to_string())?;
        seccompiler::apply_filter(&program).map_err(|error| error.to_string())
    }

    /// What this process could still do, by trying it.
    pub(super) fn ways_out() -> Vec<&'static str> {
        let mut ways = Vec::new();
        let parent = getppid();
        let reads = |path: &Path| File::open(path).is_ok();
        if std::env::current_exe().is_ok_and(|program| reads(&program)) || reads(Path::new("/etc/passwd")) {
            ways.push("read files of this machine");
        }
        if reads(Path::new(&format!("/proc/{parent}/environ"))) {
            ways.push("read its owner's environment");
        }
        let file = std::env::temp_dir().join(format!("stepwise-sandbox-{}", std::process::id()));
        if OpenOptions::new().write(true).create_new(true).open(&file).is_ok() {
            let _ = std::fs::remove_file(&file);
            ways.push("write files");
        }
        // Nobody need listen: whoever may ask is told so.
        let is_denied = |kind: ErrorKind| kind == ErrorKind::PermissionDenied;
        let asked = TcpStream::connect(("127.0.0.1", 9));
        let is_open = asked.map_or_else(|error| !is_denied(error.kind()), |_| true);
        if is_open || UdpSocket::bind("127.0.0.1:0").is_ok() {
            ways.push("reach the network");
        }
        // There is no such program, which is told to those only who may start one.
        let nobody = CString::from(c"/nonexistent");
        if execv(&nobody, &[&nobody]) != Err(Errno::EPERM) {
            ways.push("start programs");
        }
        if kill(parent, None).is_ok() {
            ways.push("signal its owner");
        }
        ways
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::path::Path;

    pub(super) fn enter(_: &[&Path]) -> Result<(), String> {
        Err("it is made of Linux's Landlock and seccomp".to_owned())
    }

    pub(super) fn ways_out() -> Vec<&'static str> {
        Vec::new()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn outside_of_a_sandbox_every_way_out_is_found() {
        assert_eq!(
            system::ways_out(),
            [
                "read files of this machine",
                "read its owner's environment",
                "write files",
                "reach the network",
                "start programs",
                "signal its owner"
            ]
        );
    }

    #[test]
    fn what_is_shut_in_gets_out_by_none() {
        // A thread is shut in for itself; the other tests are not.
        let shut_in = std::thread::spawn(|| {
            let folder = std::env::temp_dir();
            let entered = Sandbox::Needed.enter(&[&folder]);
            (entered, std::fs::read_dir(&folder).is_ok(), std::fs::read_dir("/etc").is_ok())
        });
        assert_eq!(shut_in.join().ok(), Some((Ok(()), true, false)));
        assert!(std::fs::read_dir("/etc").is_ok());
    }

    #[test]
    fn words_are_read_as_they_are_written() {
        for sandbox in [Sandbox::Wanted, Sandbox::Needed] {
            assert_eq!(Sandbox::of(sandbox.word()), Some(sandbox));
        }
        assert_eq!(Sandbox::of("none"), None);
    }
}
