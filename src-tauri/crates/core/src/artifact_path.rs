//! Paths of artifacts: what a client may name, and what the name is on disk.
//!
//! A path is checked once, here. What passes is a list of plain names below some root.
//! On disk each name is written so that every operating system takes it: what one of
//! them refuses is percent-escaped everywhere, so that the folder can move.

use crate::error::{Error, Result};
use percent_encoding::percent_decode_str;
use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::path::PathBuf;

/// How often a path may be percent-encoded upon itself, as in MLflow.
const MAX_DECODES: usize = 10;

/// The longest path, in bytes, after decoding.
const MAX_LENGTH: usize = 4096;

/// Names on disk that begin so are ours (uploads under way) and no artifacts.
pub const RESERVED_PREFIX: &str = ".branchline-upload";

/// A checked path below an artifact root. Empty for the root itself.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct RelativePath {
    segments: Vec<String>,
}

impl RelativePath {
    /// The names from the root down.
    pub fn segments(&self) -> &[String] {
        &self.segments
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.segments.is_empty()
    }

    /// The last name.
    pub fn file_name(&self) -> Option<&str> {
        self.segments.last().map(String::as_str)
    }

    /// This path and then `other`.
    #[must_use]
    pub fn join(&self, other: &Self) -> Self {
        Self { segments: self.segments.iter().chain(&other.segments).cloned().collect() }
    }

    /// The path on disk, as long as no name beside it differs only in case.
    pub fn on_disk(&self) -> PathBuf {
        self.segments.iter().map(|name| escape(name).into_owned()).collect()
    }
}

impl fmt::Display for RelativePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.segments.join("/"))
    }
}

/// Checks a path that a client sent. Percent-encoding is undone until none is left;
/// doubled slashes and `.` are overlooked, as in MLflow.
///
/// # Errors
/// `InvalidParameterValue` "Invalid path" for what could leave the root: `..`, absolute
/// paths of any system, drive letters, `file:` URIs, backslashes, NUL, and `#`.
pub fn check(path: &str) -> Result<RelativePath> {
    let decoded = decode(path).ok_or_else(invalid)?;
    if decoded.len() > MAX_LENGTH
        || decoded.contains(['#', '\\', '\0'])
        || decoded.starts_with('/')
        || has_drive(&decoded)
        || decoded.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("file:"))
        || decoded.split('/').any(|segment| segment == "..")
    {
        return Err(invalid());
    }
    let names = decoded.split('/').filter(|segment| !matches!(*segment, "" | "."));
    Ok(RelativePath { segments: names.map(str::to_owned).collect() })
}

fn invalid() -> Error {
    Error::invalid("Invalid path")
}

/// Undoes percent-encoding until nothing changes.
fn decode(path: &str) -> Option<String> {
    let mut current = path.to_owned();
    for _ in 0..MAX_DECODES {
        let next = percent_decode_str(&current).decode_utf8().ok()?.into_owned();
        if next == current {
            return Some(current);
        }
        current = next;
    }
    None
}

fn has_drive(path: &str) -> bool {
    matches!(path.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic())
}

/// A name as it stands on disk: what some operating system refuses is escaped.
pub fn escape(name: &str) -> Cow<'_, str> {
    let last = name.char_indices().next_back().map_or(0, |(index, _)| index);
    let whole = is_device(name) || name.starts_with(RESERVED_PREFIX);
    let refused = |index: usize, c: char| {
        is_refused(c) || (index == last && matches!(c, '.' | ' ')) || (index == 0 && whole)
    };
    escape_where(name, refused)
}

/// A name as it stands on disk beside one that differs from it only in case. Two names
/// never share this form, not even where case does not count.
pub fn escape_case(name: &str) -> String {
    let first = name.char_indices().find(|(_, c)| c.is_alphabetic()).map(|(index, _)| index);
    let cased = |index: usize, c: char| Some(index) == first || !c.to_lowercase().eq([c]);
    let last = name.char_indices().next_back().map_or(0, |(index, _)| index);
    let refused = |index: usize, c: char| {
        cased(index, c) || (index == last && matches!(c, '.' | ' ')) || is_refused(c)
    };
    escape_where(name, refused).into_owned()
}

/// The name that stands on disk as `on_disk`.
pub fn unescape(on_disk: &str) -> Cow<'_, str> {
    let name = percent_decode_str(on_disk).decode_utf8().unwrap_or(Cow::Borrowed(on_disk));
    // Another program's `%41` is not ours, and its name is what it is.
    if escape(&name) == on_disk || escape_case(&name) == on_disk { name } else { on_disk.into() }
}

/// Whether some operating system has no names with this character.
fn is_refused(c: char) -> bool {
    c.is_control() || matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*' | '/' | '\\')
}

fn escape_where(name: &str, refused: impl Fn(usize, char) -> bool) -> Cow<'_, str> {
    if !name.char_indices().any(|(index, c)| refused(index, c)) {
        return Cow::Borrowed(name);
    }
    let mut out = String::with_capacity(name.len() + 8);
    for (index, c) in name.char_indices() {
        if refused(index, c) {
            for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                // Writing to a String cannot fail.
                let _ = write!(out, "%{byte:02X}");
            }
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Whether Windows takes the name, whatever its extension, for a device.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end_matches(' ');
    let upper = stem.to_uppercase();
    if matches!(upper.as_str(), "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$") {
        return true;
    }
    let port = upper.strip_prefix("COM").or_else(|| upper.strip_prefix("LPT"));
    port.is_some_and(|number| {
        let mut chars = number.chars();
        matches!((chars.next(), chars.next()), (Some('0'..='9' | '¹' | '²' | '³'), None))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn safe_paths_pass() {
        for (path, names) in [
            ("", &[][..]),
            (".", &[]),
            ("a", &["a"]),
            ("a/b.txt", &["a", "b.txt"]),
            ("a//b", &["a", "b"]),
            ("./a/./b/", &["a", "b"]),
            ("a%2fb", &["a", "b"]),
            ("a%20b", &["a b"]),
            ("a%2520b", &["a b"]),
            ("a+b", &["a+b"]),
            ("a%", &["a%"]),
            ("a%zz", &["a%zz"]),
            ("...", &["..."]),
            ("a..b/..c/d..", &["a..b", "..c", "d.."]),
            ("日本/é.png", &["日本", "é.png"]),
            ("%E6%97%A5", &["日"]),
            ("ab:c?d=e;f", &["ab:c?d=e;f"]),
            ("~/.ssh", &["~", ".ssh"]),
            ("a\nb", &["a\nb"]),
            ("files:x", &["files:x"]),
        ] {
            assert_eq!(check(path).unwrap().segments(), names, "{path:?}");
        }
    }

    #[test]
    fn paths_that_could_leave_do_not_pass() {
        for path in [
            "..",
            "../a",
            "a/../b",
            "a/..",
            "a/b/../../c",
            "%2e%2e/a",
            "%2e%2e%2fa",
            "a%2f..%2fb",
            "%252e%252e%252fa",
            "%25252e%25252e/",
            ".%2e/a",
            "..%2f",
            "..%5ca",
            "..%255ca",
            "/a",
            "//a/b",
            "///",
            "%2fa",
            "%252fa",
            "a\\b",
            "..\\a",
            "\\a",
            "\\\\host\\share",
            "a%5cb",
            "C:/a",
            "C:\\a",
            "c:a",
            "c:",
            "%43:/a",
            "C%3a/a",
            "a#b",
            "a%23b",
            "#",
            "a\0b",
            "a%00b",
            "%2500",
            "file:/a",
            "file:///a",
            "FILE:a",
            "file:a",
            "%66ile:/a",
            "%ff",
            "a%c3",
            "./../a",
            "a/%2e%2e",
        ] {
            let error = check(path).map(|path| path.to_string()).unwrap_err();
            assert_eq!(error.message, "Invalid path", "{path:?}");
            assert_eq!(error.code, crate::ErrorCode::InvalidParameterValue);
        }
        let encoded = (0..12).fold("%2e%2e".to_owned(), |path, _| path.replace('%', "%25"));
        assert!(check(&encoded).is_err());
        assert!(check(&"a/".repeat(2500)).is_err());
    }

    #[test]
    fn names_that_some_system_refuses_are_escaped() {
        for (name, on_disk) in [
            ("model.pkl", "model.pkl"),
            ("MLmodel", "MLmodel"),
            ("a b", "a b"),
            ("日本.png", "日本.png"),
            ("a%", "a%"),
            (".hidden", ".hidden"),
            ("con", "%63on"),
            ("CON", "%43ON"),
            ("Nul.txt", "%4Eul.txt"),
            ("com1", "%63om1"),
            ("COM¹.log", "%43OM¹.log"),
            ("lpt9 .x", "%6Cpt9 .x"),
            ("com10", "com10"),
            ("console", "console"),
            ("a:b", "a%3Ab"),
            ("a<>\"|?*b", "a%3C%3E%22%7C%3F%2Ab"),
            ("a.", "a%2E"),
            ("...", "..%2E"),
            ("a ", "a%20"),
            ("a\nb\u{7f}", "a%0Ab%7F"),
            ("a\u{85}", "a%C2%85"),
            (".branchline-upload-1", "%2Ebranchline-upload-1"),
        ] {
            assert_eq!(escape(name), on_disk, "{name:?}");
            assert_eq!(unescape(on_disk), name, "{name:?}");
        }
        assert_eq!(check("ab:c/aux/d").unwrap().on_disk(), PathBuf::from("ab%3Ac/%61ux/d"));
    }

    #[test]
    fn names_that_differ_only_in_case_are_told_apart() {
        for (name, on_disk) in [
            ("Model.txt", "%4Dodel.txt"),
            ("model.txt", "%6Dodel.txt"),
            ("mODEL.txt", "%6D%4F%44%45%4C.txt"),
            ("É1", "%C3%891"),
            ("1é", "1%C3%A9"),
            ("A:b.", "%41%3Ab%2E"),
            ("aUx", "%61%55x"),
        ] {
            assert_eq!(escape_case(name), on_disk, "{name}");
            assert_eq!(unescape(on_disk), name, "{name}");
        }
    }

    #[test]
    fn names_of_other_programs_stay() {
        for on_disk in ["a%20b", "%4d%4C", "%61%62", "100%25", "%zz", "%ff", "a%2Eb", "%2e"] {
            assert_eq!(unescape(on_disk), on_disk);
        }
    }

    proptest! {
        #[test]
        fn nothing_that_passes_can_leave(path in "[a./%25eE\\\\:#~ ]{0,16}|.{0,40}") {
            if let Ok(path) = check(&path) {
                for name in path.segments() {
                    prop_assert!(!matches!(name.as_str(), "" | "." | ".."));
                    prop_assert!(!name.contains(['/', '\\', '\0']));
                    // What is checked again stays what it is.
                    let again = check(name);
                    prop_assert!(again.is_err() || again.unwrap().segments() == [name.clone()]);
                }
                let on_disk = path.on_disk();
                prop_assert!(on_disk.is_relative());
                prop_assert!(on_disk.components().all(|part| matches!(part, std::path::Component::Normal(_))));
            }
        }

        #[test]
        fn what_is_escaped_can_be_unescaped(path in "[aAbB.%:2Ee ]{1,10}|.{0,20}") {
            if let Ok(path) = check(&path) {
                for name in path.segments() {
                    for on_disk in [escape(name).into_owned(), escape_case(name)] {
                        prop_assert_eq!(unescape(&on_disk), name.as_str());
                    }
                }
            }
        }

        #[test]
        fn case_forms_never_meet(one in "[aAbBéÉ%41]{1,5}", other in "[aAbBéÉ%41]{1,5}") {
            let checked = |name: &str| check(name).ok().and_then(|path| path.file_name().map(str::to_owned));
            if let (Some(one), Some(other)) = (checked(&one), checked(&other)) && one != other {
                prop_assert_ne!(escape_case(&one).to_lowercase(), escape_case(&other).to_lowercase());
            }
        }
    }
}
