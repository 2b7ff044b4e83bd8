//! The git revision of the working tree that the program stands in, for a run's manifest. Read from git's files: building
//! it in would build the program anew with every commit.

use std::path::Path;

/// The commit that is checked out in the working tree around the running program, in hexadecimal; `None` for a program
/// that was installed elsewhere.
#[must_use]
pub fn around_program() -> Option<String> {
    let program = std::env::current_exe().ok()?;
    program.ancestors().find_map(of_tree)
}

/// The commit of the working tree whose root this folder is.
fn of_tree(folder: &Path) -> Option<String> {
    let mut git = folder.join(".git");
    // A further working tree of a repository has a file that names its folder.
    if let Ok(link) = std::fs::read_to_string(&git) {
        git = folder.join(link.strip_prefix("gitdir:")?.trim());
    }
    let head = std::fs::read_to_string(git.join("HEAD")).ok()?;
    let Some(name) = head.trim().strip_prefix("ref: ") else { return commit(&head) };
    // Branches are shared by all working trees.
    let shared = std::fs::read_to_string(git.join("commondir")).map_or(git.clone(), |path| git.join(path.trim()));
    if let Ok(text) = std::fs::read_to_string(shared.join(name)) {
        return commit(&text);
    }
    let packed = std::fs::read_to_string(shared.join("packed-refs")).ok()?;
    packed.lines().find_map(|line| line.strip_suffix(name)).and_then(commit)
}

fn commit(text: &str) -> Option<String> {
    let text = text.trim();
    let is_hash = text.len() >= 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hash.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "0123456789abcdef0123456789abcdef01234567";

    #[test]
    fn a_branch_a_packed_branch_and_a_further_tree_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let (tree, further) = (folder.path().join("tree"), folder.path().join("further"));
        let write = |path: &Path, text: &str| {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        assert_eq!(of_tree(&tree), None);
        write(&tree.join(".git/HEAD"), "ref: refs/heads/main\n");
        assert_eq!(of_tree(&tree), None, "a repository without a commit");
        write(&tree.join(".git/packed-refs"), &format!("# pack-refs\n{HASH} refs/heads/main\n"));
        assert_eq!(of_tree(&tree).as_deref(), Some(HASH));
        let newer = HASH.replace('0', "f");
        write(&tree.join(".git/refs/heads/main"), &format!("{newer}\n"));
        assert_eq!(of_tree(&tree), Some(newer.clone()));
        let own = tree.join(".git/worktrees/further");
        write(&own.join("HEAD"), "ref: refs/heads/main\n");
        write(&own.join("commondir"), "../..\n");
        write(&further.join(".git"), &format!("gitdir: {}\n", own.display()));
        assert_eq!(of_tree(&further), Some(newer));
        write(&tree.join(".git/HEAD"), HASH);
        assert_eq!(of_tree(&tree).as_deref(), Some(HASH));
    }
}
