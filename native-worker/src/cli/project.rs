//! What a user's Lake project has.

use std::path::Path;

/// Whether Mathlib is among the project's packages, wherever they lie, or the project is Mathlib.
pub(super) fn has_mathlib(project: &Path) -> bool {
    project.join(".lake/packages/mathlib").is_dir()
        || project.join("Mathlib.lean").is_file()
        || requires_mathlib(project)
}

/// Whether the project's manifest names Mathlib: a package may lie anywhere.
fn requires_mathlib(project: &Path) -> bool {
    let Ok(manifest) = std::fs::read(project.join("lake-manifest.json")) else { return false };
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap_or_default();
    let packages = manifest["packages"].as_array();
    packages.into_iter().flatten().any(|package| package["name"] == "mathlib" || package["name"] == "«mathlib»")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mathlib_is_found_wherever_a_project_has_it() {
        let dir = tempfile::TempDir::new().unwrap();
        let project = dir.path();
        assert!(!has_mathlib(project));
        let manifest = project.join("lake-manifest.json");
        std::fs::write(&manifest, r#"{"packages": [{"name": "batteries"}]}"#).unwrap();
        assert!(!has_mathlib(project));
        std::fs::write(&manifest, r#"{"packages": [{"name": "batteries"}, {"name": "mathlib", "dir": "../m"}]}"#)
            .unwrap();
        assert!(has_mathlib(project));
        std::fs::write(&manifest, "no manifest").unwrap();
        std::fs::create_dir_all(project.join(".lake/packages/mathlib")).unwrap();
        assert!(has_mathlib(project));
    }
}
