//! The reference page of the settings, made from their declarations.

use super::keys::KEYS;
use super::layer::ALSO_FROM_ENVIRONMENT;
use super::stack;

/// `docs/configuration.md`.
pub fn page() -> String {
    let mut page = String::from(HEAD);
    let mut current = "";
    for key in KEYS {
        let (section, _) = key.path();
        if section != current {
            page.push_str(&format!("\n## `[{section}]`\n"));
            current = section;
        }
        page.push_str(&format!("\n### `{}`\n\n", key.name));
        for line in key.help {
            page.push_str(&format!("{}\n", line.trim()));
        }
        page.push_str(&format!("\n- accepts: {}\n", key.accepts));
        let default = match key.default {
            "" => "none".to_owned(),
            text => format!("`{text}`"),
        };
        page.push_str(&format!("- default: {default}\n- environment: `{}`\n", key.variable));
        if !key.flag.is_empty() {
            page.push_str(&format!("- flag of `serve`: `{}`\n", key.flag));
        }
        if !key.stack.is_empty() {
            let names: Vec<_> = key.stack.iter().map(|name| format!("`{name}`")).collect();
            let both = key.stack.iter().all(|name| ALSO_FROM_ENVIRONMENT.contains(name));
            let place = if both { "in the environment or a stack's" } else { "in a stack's" };
            page.push_str(&format!("- {place} `.env`: {}\n", names.join(", ")));
        }
        if key.secret {
            page.push_str("- a secret: not read from `config.toml`, and never shown\n");
        }
    }
    page.push_str(IGNORED);
    for (pattern, reason) in stack::IGNORED.iter().filter(|(p, _)| !p.starts_with("BRANCHLINE")) {
        page.push_str(&format!("| `{pattern}` | {reason} |\n"));
    }
    page
}

const HEAD: &str = "\
<!-- Made from the declarations in server/src/config; a test keeps it so. -->

# Configuration

Nothing needs to be configured. What can be is read from these places, the later winning:

1. `config.toml` in the folder that `branchline config path` names
2. `.env` in the same folder, or the file named by `--env-file`
3. environment variables `BRANCHLINE_*`
4. flags

`branchline config list` shows every setting with its value and where that comes from, and
which names of the `.env` file are used or ignored. `branchline config set KEY VALUE` changes
`config.toml` and keeps its comments; a running app reads it at its next start.

Two folders are named in the environment only, because everything else depends on them:

| variable | names | default |
|---|---|---|
| `BRANCHLINE_DATA_DIR` | the data folder (also `--data-dir`) | `~/.local/share/branchline` on Linux, `~/Library/Application Support/branchline` on macOS, `%APPDATA%\\branchline\\data` on Windows |
| `BRANCHLINE_CONFIG_DIR` | the folder of `config.toml` and `.env` | `~/.config/branchline` on Linux, `~/Library/Application Support/branchline` on macOS, `%APPDATA%\\branchline\\config` on Windows |

A `.env` file that was written for a Docker stack can be used as it is: names that still mean
something are understood, the others are listed as ignored with the reason. Those names are
read from the file only, except `FIRST_SUPERUSER` and `FIRST_SUPERUSER_PASSWORD`, which may
also stand in the environment.
";

const IGNORED: &str = "
## Names of a stack's `.env` that have no effect

| name | why |
|---|---|
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_what_the_declarations_say() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/configuration.md");
        let page = page();
        if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
            std::fs::write(path, &page).unwrap();
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(committed == page, "run this test with UPDATE_SNAPSHOTS=1 and commit {path}");
    }
}
