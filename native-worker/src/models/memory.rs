//! How much memory this process may still take: of the machine, of its control groups, and of its own limit.

use std::path::{Path, PathBuf};

/// Where Linux tells.
const PROC: &str = "/proc";
const CGROUPS: &str = "/sys/fs/cgroup";

/// Bytes that can still be taken without anything being swapped or killed; `None` where the system does not tell.
#[must_use]
pub(super) fn available() -> Option<u64> {
    available_in(Path::new(PROC), Path::new(CGROUPS))
}

/// Bytes that the whole machine has left, whatever is allowed to this process.
#[must_use]
pub(crate) fn of_machine() -> Option<u64> {
    machine(Path::new(PROC))
}

fn machine(proc: &Path) -> Option<u64> {
    kib(&read(&proc.join("meminfo"))?, "MemAvailable:")
}

fn available_in(proc: &Path, cgroups: &Path) -> Option<u64> {
    let machine = machine(proc)?;
    let limits = [address_space(proc), cgroup(proc, cgroups)];
    Some(limits.into_iter().flatten().fold(machine, u64::min))
}

fn read(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

/// The number of a line such as `VmSize:  1234 kB`, in bytes.
fn kib(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// What `ulimit -v` leaves.
fn address_space(proc: &Path) -> Option<u64> {
    let limits = read(&proc.join("self/limits"))?;
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max address space"))?;
    let limit: u64 = limit.split_whitespace().next()?.parse().ok()?;
    Some(limit.saturating_sub(kib(&read(&proc.join("self/status"))?, "VmSize:")?))
}

/// What the process's control groups leave, the narrowest of them. What a group has of files can be dropped at any time.
fn cgroup(proc: &Path, cgroups: &Path) -> Option<u64> {
    let of_process = read(&proc.join("self/cgroup"))?;
    let paths = of_process.lines().filter_map(|line| {
        let (_, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        // Version 2 names no controller; version 1 has a tree for each.
        match controllers {
            "" => Some((cgroups.to_owned(), path, ["memory.max", "memory.current", "inactive_file "])),
            _ if controllers.split(',').any(|controller| controller == "memory") => Some((
                cgroups.join("memory"),
                path,
                ["memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file "],
            )),
            _ => None,
        }
    });
    paths.filter_map(|(root, path, names)| narrowest(&root, path, names)).min()
}

/// What the groups from `path` up to the root leave.
fn narrowest(root: &Path, path: &str, [limit, usage, files]: [&str; 3]) -> Option<u64> {
    let group: PathBuf = root.join(path.trim_start_matches('/'));
    let left = group.ancestors().take_while(|group| group.starts_with(root)).filter_map(|group| {
        let number = |name: &str| read(&group.join(name))?.trim().parse::<u64>().ok();
        let stat = read(&group.join("memory.stat")).unwrap_or_default();
        let files = stat.lines().find_map(|line| line.strip_prefix(files)?.trim().parse::<u64>().ok()).unwrap_or(0);
        Some(number(limit)?.saturating_sub(number(usage)?.saturating_sub(files)))
    });
    left.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A system of these files, by path under its root.
    fn check(files: &[(&str, &str)], expected: Option<u64>) {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        assert_eq!(available_in(&root.path().join("proc"), &root.path().join("cgroup")), expected, "{files:?}");
    }

    const MEMINFO: (&str, &str) = ("proc/meminfo", "MemTotal:  9000 kB\nMemAvailable:    8000 kB\n");
    const STATUS: (&str, &str) = ("proc/self/status", "Name:\tx\nVmSize:\t    1000 kB\n");
    const NO_LIMIT: (&str, &str) = ("proc/self/limits", "Max address space         unlimited    unlimited   bytes\n");

    #[test]
    fn the_least_of_machine_groups_and_limit_is_what_is_left() {
        check(&[], None);
        check(&[MEMINFO], Some(8000 * 1024));
        check(&[MEMINFO, STATUS, NO_LIMIT], Some(8000 * 1024));
        let limit = ("proc/self/limits", "Max cpu time  unlimited\nMax address space   2048000   9999999  bytes\n");
        check(&[MEMINFO, STATUS, limit], Some(2_048_000 - 1000 * 1024));
    }

    #[test]
    fn a_group_leaves_what_its_narrowest_ancestor_leaves() {
        let at = ("proc/self/cgroup", "0::/outer/inner\n");
        let inner = [("cgroup/outer/inner/memory.max", "max\n"), ("cgroup/outer/inner/memory.current", "500\n")];
        check(&[MEMINFO, at, inner[0], inner[1]], Some(8000 * 1024));
        let outer = [("cgroup/outer/memory.max", "5000\n"), ("cgroup/outer/memory.current", "3000\n")];
        check(&[MEMINFO, at, inner[0], inner[1], outer[0], outer[1]], Some(2000));
        let stat = ("cgroup/outer/memory.stat", "anon 10\ninactive_file 1000\n");
        check(&[MEMINFO, at, inner[0], inner[1], outer[0], outer[1], stat], Some(3000));
        // More in use than is allowed, as just after the limit was lowered.
        check(&[MEMINFO, at, ("cgroup/memory.max", "10"), ("cgroup/memory.current", "20")], Some(0));
    }

    #[test]
    fn groups_of_version_1_are_read_too() {
        let at = ("proc/self/cgroup", "5:cpu,cpuacct:/a\n4:memory:/a\n");
        let group =
            [("cgroup/memory/a/memory.limit_in_bytes", "700"), ("cgroup/memory/a/memory.usage_in_bytes", "300")];
        check(&[MEMINFO, at, group[0], group[1]], Some(400));
        let stat = ("cgroup/memory/a/memory.stat", "inactive_file 5\ntotal_inactive_file 100\n");
        check(&[MEMINFO, at, group[0], group[1], stat], Some(500));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_machine_has_some() {
        assert!(available().unwrap() > 1 << 20);
    }
}
