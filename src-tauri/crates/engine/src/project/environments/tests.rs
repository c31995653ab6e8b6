//! On the layouts that uv 0.13, poetry 2.5 and conda leave behind.

use super::*;
use std::fs::{create_dir_all, write};

fn no_variable(_: &str) -> Option<OsString> {
    None
}

fn put(folder: &Path, file: &str, text: &str) {
    let file = folder.join(file);
    create_dir_all(file.parent().unwrap()).unwrap();
    write(file, text).unwrap();
}

const PROJECT: &str = "[project]\nname = \"a\"\nversion = \"0.1.0\"\n";

#[test]
fn uv_keeps_an_environment_in_the_folder_or_where_it_was_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    put(folder, "pyproject.toml", PROJECT);
    assert_eq!(uv(folder, &no_variable), None, "any tool may manage it");
    put(folder, "uv.lock", "version = 1\n");
    assert_eq!(uv(folder, &no_variable), Some(folder.join(".venv")));
    let told = |name: &str| (name == "UV_PROJECT_ENVIRONMENT").then(|| "elsewhere".into());
    assert_eq!(uv(folder, &told), Some(folder.join("elsewhere")));
}

#[test]
fn a_table_of_another_tool_is_not_uvs_or_poetrys() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    put(folder, "pyproject.toml", "[tool.uvicorn]\n[tool.poetry-dynamic-versioning]\n");
    assert_eq!(uv(folder, &no_variable), None);
    assert!(!is_poetry(folder));
    put(folder, "pyproject.toml", "[[tool.uv.index]]\nurl = \"https://example.org\"\n");
    assert!(uv(folder, &no_variable).is_some());
    put(folder, "pyproject.toml", "[build-system]\nbuild-backend = \"poetry.core.masonry.api\"\n");
    assert!(is_poetry(folder));
}

#[test]
fn members_of_a_uv_workspace_share_its_environment() {
    let root = tempfile::tempdir().unwrap();
    let (root, member) = (root.path(), root.path().join("packages/a"));
    put(root, "pyproject.toml", "[tool.uv.workspace]\nmembers = [\"packages/*\"]\n");
    put(&member, "pyproject.toml", PROJECT);
    put(&root.join("other"), "pyproject.toml", PROJECT);
    put(root, "uv.lock", "[[package]]\nname = \"a\"\nsource = { virtual = \"packages/a\" }\n");
    assert_eq!(uv(&member, &no_variable), Some(root.join(".venv")));
    assert_eq!(uv(&root.join("other"), &no_variable), None, "no member");
}

#[cfg(unix)]
#[tokio::test]
async fn poetry_is_asked_where_its_installer_puts_it_and_not_of_our_own_environment() {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let script = format!(
        "#!/bin/sh\necho \"{}/virtualenvs/$(basename \"$PWD\")${{VIRTUAL_ENV}}-py3.11\"\n",
        home.display()
    );
    put(home, POETRY_HOMES[0], &script);
    let program = home.join(POETRY_HOMES[0]);
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let folder = home.join("pop");
    create_dir_all(&folder).unwrap();
    let found = ask_poetry(&program, &folder).await.unwrap();
    assert_eq!(found, Some(home.join("virtualenvs/pop-py3.11")));
    assert!(ask_poetry(&home.join("no-poetry"), &folder).await.is_err(), "the next is asked");
}

/// Where the environment that `file` describes is looked for.
fn places(file: &str, home: &Path, variable: Variable<'_>) -> Vec<PathBuf> {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), "environment.yml", file);
    CondaFile::find(folder.path()).unwrap().places(Some(home), variable)
}

#[test]
fn conda_environments_are_looked_for_where_conda_documents_them() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    put(home, ".condarc", "envs_dirs:\n  - ~/environments\n");
    put(home, ".conda/environments.txt", "/data/conda\n/data/conda/envs/x\n/data/envs/y\n");
    let variable = |name: &str| match name {
        "CONDA_ENVS_PATH" => Some(OsString::from("/told")),
        "CONDA_EXE" => Some("/root-of-program/bin/conda".into()),
        "CONDA_PREFIX" => Some("/root-of-active/envs/other".into()),
        _ => None,
    };
    let found = places("name: x\nprefix: /the/prefix\n", home, &variable);
    let expected = [
        "/the/prefix".into(),
        "/told/x".into(),
        home.join("environments/x"),
        "/root-of-program/envs/x".into(),
        "/root-of-active/envs/x".into(),
        "/data/conda/envs/x".into(),
        home.join("miniconda3/envs/x"),
    ];
    assert_eq!(found[..expected.len()], expected);
    let base = places("name: base\n", home, &variable);
    assert!(base.contains(&"/root-of-program".into()), "{base:?}");
}

#[test]
fn an_environment_of_conda_in_the_folder_is_known_by_what_conda_puts_there() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    create_dir_all(folder.join("env/bin")).unwrap();
    assert_eq!(conda_here(folder), None);
    put(folder, "envs/conda-meta/history", "");
    assert_eq!(conda_here(folder), Some(folder.join("envs")));
}
